/**
 * A report on the API: the declarations that the entry points export, and those that these mention.
 *
 * They are the compiler's, sorted by name. Comments are left out, and everything that users can't rely on: private and
 * protected members, members marked `@internal`, and constructors of classes that are exported only as types. A report
 * changes when the API changes, not when code moves.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "prettier";
import ts from "typescript";

const lib = fileURLToPath(new URL("../../lib", import.meta.url));

interface Declaration {
  readonly file: string;
  readonly name: string;
  /** An overloaded function has several. */
  statements: ts.Statement[];
}

/** The names in a declaration file. */
interface Module {
  readonly declarations: Map<string, Declaration>;
  /** Where names come from that are imported, or exported again. */
  readonly imports: Map<string, readonly [file: string, name: string]>;
  /** The exported names; false for one that is exported only as a type. */
  readonly exports: Map<string, boolean>;
}

/** The report on each entry point, in Markdown. A declaration that several of them mention is part of the first. */
export function reportsOn(entries: readonly string[]): Promise<string[]> {
  const moduleAt = compiled();
  const find = (file: string, name: string): Declaration | undefined => {
    const { declarations, imports } = moduleAt(file);
    const origin = imports.get(name);
    return origin === undefined ? declarations.get(name) : find(...origin);
  };
  const values = new Set<Declaration>();
  const exported = entries.map((entry) => {
    const file = join(lib, entry);
    return Array.from(moduleAt(file).exports, ([name, isValue]) => {
      const found = find(file, name) as Declaration;
      if (isValue) values.add(found);
      return found;
    });
  });
  const known = new Set(exported.flat());
  return Promise.all(
    exported.map(async (declarations) => {
      const reached = new Set(declarations);
      for (const declaration of reached) {
        const { file, statements } = declaration;
        if (!values.has(declaration)) declaration.statements = statements.map(withoutConstructor);
        for (const name of declaration.statements.flatMap(mentionedIn)) {
          const found = find(file, name);
          if (found === undefined || known.has(found)) continue;
          known.add(found);
          reached.add(found);
        }
      }
      const mentioned = Array.from(reached).slice(declarations.length);
      return `## Exports\n\n${await textOf(declarations)}\n## Mentioned by these\n\n${await textOf(mentioned)}`;
    }),
  );
}

/** Reads the declaration file of a source file. Each is emitted once, on demand. */
function compiled(): (file: string) => Module {
  const { config } = ts.readConfigFile(join(lib, "tsconfig.json"), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, lib);
  const program = ts.createProgram(fileNames, { ...options, noEmit: false, declaration: true });
  const modules = new Map<string, Module>();
  return (file) => {
    let module = modules.get(file);
    if (module === undefined) {
      let text = "";
      program.emit(program.getSourceFile(file), (_, written) => (text = written), undefined, true);
      modules.set(file, (module = read(file, text)));
    }
    return module;
  };
}

function read(file: string, text: string): Module {
  const module: Module = { declarations: new Map(), imports: new Map(), exports: new Map() };
  for (const statement of ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true).statements) {
    if (ts.isImportDeclaration(statement)) readNames(module, file, statement, statement.importClause?.namedBindings);
    else if (ts.isExportDeclaration(statement)) readNames(module, file, statement, statement.exportClause);
    else declare(module, file, without(isHidden, statement));
  }
  return module;
}

function readNames(
  { imports, exports }: Module,
  file: string,
  statement: ts.ImportDeclaration | ts.ExportDeclaration,
  names: ts.NamedImportBindings | ts.NamedExportBindings | undefined,
): void {
  if (names === undefined || !(ts.isNamedImports(names) || ts.isNamedExports(names))) return;
  const path = (statement.moduleSpecifier as ts.StringLiteral | undefined)?.text;
  for (const { name, propertyName = name, isTypeOnly } of names.elements) {
    // Declarations of packages are not part of the report.
    if (path?.startsWith(".") === true)
      imports.set(name.text, [join(dirname(file), path.replace(/js$/u, "ts")), propertyName.text]);
    if (ts.isExportDeclaration(statement)) exports.set(name.text, !isTypeOnly && !statement.isTypeOnly);
  }
}

function declare({ declarations, exports }: Module, file: string, statement: ts.Statement): void {
  const named = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement];
  for (const { name } of named as readonly { name?: ts.Identifier }[]) {
    if (name === undefined) continue;
    const declaration = declarations.get(name.text) ?? { file, name: name.text, statements: [] };
    declaration.statements.push(statement);
    declarations.set(name.text, declaration);
    if (has(statement, ts.SyntaxKind.ExportKeyword)) exports.set(name.text, true);
  }
}

function without<N extends ts.Node>(isLeftOut: (node: ts.Node) => boolean, node: N): N {
  const visit = (inner: ts.Node): ts.Node | undefined => (isLeftOut(inner) ? undefined : without(isLeftOut, inner));
  return ts.visitEachChild(node, visit, undefined);
}

function isHidden(node: ts.Node): boolean {
  return (
    has(node, ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword) ||
    (ts.isPropertyDeclaration(node) && ts.isPrivateIdentifier(node.name)) ||
    ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "internal")
  );
}

const withoutConstructor = (statement: ts.Statement) =>
  ts.isClassDeclaration(statement) ? without(ts.isConstructorDeclaration, statement) : statement;

function has(node: ts.Node, ...modifiers: ts.SyntaxKind[]): boolean {
  return ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => modifiers.includes(kind)) === true;
}

/** The names of types and values in a declaration. */
function mentionedIn(declaration: ts.Node): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node) => {
    if (ts.isTypeReferenceNode(node)) names.push(node.typeName.getText());
    else if (ts.isExpressionWithTypeArguments(node)) names.push(node.expression.getText());
    else if (ts.isTypeQueryNode(node)) names.push(node.exprName.getText());
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return names;
}

const printer = ts.createPrinter({ removeComments: true });

async function textOf(declarations: readonly Declaration[]): Promise<string> {
  const order = (a: Declaration, b: Declaration) =>
    a.name < b.name || (a.name === b.name && a.file < b.file) ? -1 : 1;
  const texts = declarations
    .toSorted(order)
    .flatMap(({ statements }) => statements)
    .map((statement) => printer.printNode(ts.EmitHint.Unspecified, statement, statement.getSourceFile()))
    .map((text) => text.replace(/^(?:export |declare )+/u, ""));
  return `\`\`\`ts\n${await format(texts.join("\n"), { parser: "typescript", printWidth: 120 })}\`\`\`\n`;
}
