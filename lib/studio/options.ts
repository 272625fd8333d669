import {
  checkArray,
  checkNonEmptyString,
  checkOptions,
  label,
  requireOptions,
  show,
  type OptionName,
  type Rules,
} from "../base/check.js";
import type { WorkflowRef } from "../service.js";
import type { SqlStore } from "../store.js";

/** The options of `createStudio`. */
export interface StudioOptions {
  /** Whose runs it shows. It is not closed with the studio. */
  store: SqlStore;
  /**
   * The workflows that can be started: classes, dags and fsms, whose inputs it asks for and checks; or names.
   * @defaultValue any workflow, by its name
   */
  workflows?: readonly WorkflowRef[] | undefined;
  /** Whether it only shows. @defaultValue false */
  readOnly?: boolean | undefined;
  /** What it hides besides what `store.redact` does, by the same paths, in all lookups of this store. */
  redact?: readonly string[] | undefined;
  /** What opens it, of at least 32 characters. @defaultValue 256 random bits */
  token?: string | undefined;
  /** Names of the server it is mounted in, without ports, besides those of this machine itself. @defaultValue none */
  hosts?: readonly string[] | undefined;
}

const LEAST_TOKEN = 32;

const RULES: Rules<StudioOptions> = {
  store: checkStore,
  workflows: checkArray,
  readOnly: "boolean",
  redact: checkNames,
  token: checkToken,
  hosts: checkHosts,
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkStudioOptions(options: StudioOptions): void {
  checkOptions(options, RULES, "a studio");
  requireOptions(options, ["store"], RULES);
}

function checkStore(option: OptionName, store: unknown): void {
  if (typeof store === "object" && store !== null && "listRuns" in store && "overview" in store) return;
  throw new TypeError(
    `${label(option)} must be a store, as sqliteStore() and postgresStore() make them; received ${show(store)}.`,
  );
}

function checkNames(option: OptionName, names: unknown): void {
  checkArray(option, names);
  for (const name of names) checkNonEmptyString(option, name);
}

function checkHosts(option: OptionName, hosts: readonly string[]): void {
  checkNames(option, hosts);
  const wrong = hosts.find((host) => !/^(?:[\w.-]+|\[[\da-f:.]+\])$/iu.test(host));
  if (wrong === undefined) return;
  throw new RangeError(
    `${label(option)} must list names of hosts, such as "ops.example.com"; received ${show(wrong)}.`,
  );
}

/** The token itself is in no message. */
function checkToken(option: OptionName, token: unknown): void {
  if (typeof token !== "string") throw new TypeError(`${label(option)} must be a string; received a ${typeof token}.`);
  if (/^[\w.~-]+$/u.test(token) && token.length >= LEAST_TOKEN) return;
  throw new RangeError(
    `${label(option)} must be random, and have at least ${LEAST_TOKEN} letters, digits, "-", "_", "." or "~".`,
  );
}
