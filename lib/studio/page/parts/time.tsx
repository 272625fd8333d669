import { fullWhenText, whenText } from "../format.js";

export function Time({ at }: { readonly at: number | undefined }) {
  if (at === undefined) return null;
  return (
    <time dateTime={new Date(at).toISOString()} title={fullWhenText(at)}>
      {whenText(at)}
    </time>
  );
}
