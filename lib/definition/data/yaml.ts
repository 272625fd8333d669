import { checkType } from "../../base/check.js";
import { ValidationError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { load } from "../../base/own-files.js";

interface Yaml {
  stringify(value: unknown, options: object): string;
  parse(text: string): unknown;
}

function yaml(): Yaml {
  try {
    return load("yaml") as Yaml;
  } catch (cause) {
    const message = `The package yaml can't be loaded: ${messageOf(cause).split("\n", 1)[0]}. Run "npm install yaml".`;
    throw new Error(message, { cause });
  }
}

/** @throws {Error} when the package yaml is not installed */
export function toYaml(json: object): string {
  return yaml().stringify(json, { aliasDuplicateObjects: false });
}

/** @throws {Error} when the package yaml is not installed; {ValidationError} for text that is not YAML */
export function fromYaml(text: string): unknown {
  checkType("text", text, "string");
  const reader = yaml();
  try {
    return reader.parse(text);
  } catch (error) {
    throw new ValidationError(`A workflow can't be made from this text, which is not YAML: ${messageOf(error)}`);
  }
}
