/** The anchor of a heading, as GitHub makes it, so that a link works there and on the site. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w -]/gu, "")
    .replaceAll(" ", "-");
