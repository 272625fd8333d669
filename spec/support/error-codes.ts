import { readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "./pages.js";

/** The codes that errors and issues of `lib/` are made with, in order of the alphabet. */
export function errorCodes(): string[] {
  const lib = join(ROOT, "lib");
  const entries = readdirSync(lib).filter((name) => name.endsWith(".ts"));
  const program = ts.createProgram(
    entries.map((name) => join(lib, name)),
    { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, noEmit: true, skipLibCheck: true },
  );
  const checker = program.getTypeChecker();
  const codes = new Set<string>();
  const isCode = ({ name }: { readonly name?: ts.Node | undefined }) => name?.getText() === "code";
  /** Those that end so are Node's. */
  const looksLikeOne = (node: ts.Expression | undefined): node is ts.StringLiteral =>
    node !== undefined && ts.isStringLiteral(node) && /^[A-Z_]+(?<!_ERR)$/u.test(node.text);
  const add = (node: ts.Expression | undefined) => {
    if (looksLikeOne(node)) codes.add(node.text);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) && isCode(node)) add(node.initializer);
    if ((ts.isParameter(node) || ts.isBindingElement(node)) && isCode(node)) add(node.initializer);
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && node.arguments?.some(looksLikeOne)) {
      const parameters = checker.getResolvedSignature(node)?.parameters ?? [];
      for (const [i, argument] of (node.arguments ?? []).entries()) if (parameters[i]?.name === "code") add(argument);
    }
    ts.forEachChild(node, visit);
  };
  // The studio's answers over HTTP have codes of their own, in docs/studio.md.
  const isOurs = ({ fileName }: ts.SourceFile) => fileName.startsWith(lib) && !fileName.startsWith(join(lib, "studio"));
  for (const file of program.getSourceFiles()) if (isOurs(file)) visit(file);
  return [...codes].sort();
}
