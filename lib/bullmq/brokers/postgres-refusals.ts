import { classify } from "../../stores/postgres/postgres-errors.js";

/** What to do about what Postgres refuses, by the class or the code of its error. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^28/u, `Check user and password in "connection" of bullmq().`],
  [/^3D/u, `Create the database, or correct its name in "connection" of bullmq().`],
  [/^25006$/u, `It is a replica, or read-only. Give "connection" of bullmq() the address of the primary.`],
  [/^42501$/u, "Give its user the right to use the schema of BullMQ, and to set it up."],
  [/^(?:3F000|42P01|42883|42703)$/u, `Let BullMQ set up its schema, with "migrate: true" in "connection" of bullmq().`],
];

const OTHERWISE = `Check "connection" of bullmq().`;

/** What to do about what a Postgres refuses, and would refuse again; undefined for an outage. */
export function postgresRemedy(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  if (typeof code !== "string") return undefined;
  const remedy = REMEDIES.find(([pattern]) => pattern.test(code))?.[1];
  return remedy ?? (/^[0-9A-Z]{5}$/u.test(code) && classify(error) === "rejected" ? OTHERWISE : undefined);
}
