/** Suggestions for misspelled names in compiler errors. */

/** The names within an edit distance of two; all names if there is none. */
export type Nearest<Name extends string, Names extends string> = [Near<Name, Names>] extends [never]
  ? Names
  : Near<Name, Names>;

type Near<Name extends string, Names extends string> = Names extends string
  ? true extends Within<Name, Names, Edits>
    ? Names
    : never
  : never;

/** One element for each allowed edit. */
type Edits = [1, 1];

/** A union that contains `true` if `Left` edits can turn one string into the other. All ways of editing are tried. */
type Within<A extends string, B extends string, Left extends readonly 1[]> = A extends B
  ? true
  : A extends `${infer First}${infer Rest}`
    ? B extends `${First}${infer Others}`
      ? Within<Rest, Others, Left>
      : Edited<Rest, A, B, Left>
    : Left extends [1, ...infer Less extends readonly 1[]]
      ? B extends `${string}${infer Others}`
        ? Within<A, Others, Less>
        : false
      : false;

type Edited<Rest extends string, A extends string, B extends string, Left extends readonly 1[]> = Left extends [
  1,
  ...infer Less extends readonly 1[],
]
  ? B extends `${string}${infer Others}`
    ? Within<Rest, Others, Less> | Within<A, Others, Less> | Within<Rest, B, Less>
    : Within<Rest, B, Less>
  : false;
