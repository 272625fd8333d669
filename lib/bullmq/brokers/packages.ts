import type * as BullMq from "bullmq";
import type * as IoRedis from "ioredis";
import type * as Pg from "pg";
import { StoreError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { load } from "../../base/own-files.js";

/** @throws {StoreError} STORE saying what to install */
export const loadBullMq = () => required<typeof BullMq>("bullmq");

/** @throws {StoreError} STORE saying what to install */
export const loadIoRedis = () => required<typeof IoRedis>("ioredis");

/** @throws {StoreError} STORE saying what to install */
export const loadPg = () => required<typeof Pg>("pg");

function required<T>(name: string): T {
  try {
    return load(name) as T;
  } catch (cause) {
    const [reason] = messageOf(cause).split("\n", 1);
    const message = `dagwright/bullmq needs the package ${name}, which can't be loaded: ${reason}. Run "npm install ${name}".`;
    throw new StoreError(message, "STORE", { cause });
  }
}
