/** Names that a misspelt one may have meant, for the compiler's messages. */

/** Those that one or two letters more, less or otherwise make the misspelt one; all there are when there is none. */
export type Nearest<Name extends string, Names extends string> = [Near<Name, Names>] extends [never]
  ? Names
  : Near<Name, Names>;

type Near<Name extends string, Names extends string> = Names extends string
  ? true extends Within<Name, Names, Edits>
    ? Names
    : never
  : never;

/** One element for each edit that is allowed. */
type Edits = [1, 1];

/** A union that has `true` when so many edits make one text of the other; each way of editing is tried. */
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
