import { afterAll, afterEach, beforeEach, describe, vi } from "vitest";
import { ThreadPool } from "dagwright";
import { inline } from "../../lib/backends/inline.js";
import { ThreadBackend } from "../../lib/backends/thread/thread.js";
import { backendContract } from "../contracts/backend.contract.js";
import { isMovable, placeNodes } from "../support/placed.js";
import { UserBackend } from "../support/user-backend.js";

const pool = new ThreadPool({ maxWorkers: 2 });
afterAll(() => pool.close());
const module = new URL("../support/threaded.ts", import.meta.url).href;

backendContract("inline", { mode: "async" }, () => inline);
backendContract(
  "thread",
  { mode: "parallel", pool },
  ({ name }) => new ThreadBackend(pool, 2, [module, name], undefined),
);

describe("One of a user's own", () => {
  const backend = new UserBackend("queue", 3);
  beforeEach(() => placeNodes((spec) => (isMovable(spec) ? backend : undefined)));
  afterEach(() => void vi.restoreAllMocks());
  backendContract("queue", { mode: "parallel" }, () => backend);
});
