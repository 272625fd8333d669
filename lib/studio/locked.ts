import { answer } from "./answer.js";

/** The page for visitors without the link. */
export function lockedPage(message: string): Response {
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>dagwright studio</title>
<h1>This studio is locked</h1>
<p>${message}</p>
`;
  return answer(html, "text/html; charset=utf-8", { status: 401 });
}
