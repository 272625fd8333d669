import { afterAll } from "vitest";
import { ThreadPool } from "dagwright";
import { backendContract } from "../contracts/backend.contract.js";

const pool = new ThreadPool({ maxWorkers: 2 });
afterAll(() => pool.close());

backendContract("inline", { mode: "async" });
backendContract("thread", { mode: "parallel", pool });
