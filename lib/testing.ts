/** `dagwright/testing`: what tests of workflows need. */
export { assertSameResults, type SameResultsOptions } from "./testing/assert-same-results.js";
export { crashAtEveryWrite, type CrashOptions, type CrashReport } from "./testing/crash-at-every-write.js";
export { explore, type Exploration, type ExploredOrder, type ExploreOptions } from "./testing/explore.js";
export { matchers, type FailedWith, type RunMatchers, type Verdict } from "./testing/matchers.js";
export { mock } from "./testing/mock.js";
export type { ContextParts } from "./testing/node-context.js";
export type { Outcome } from "./testing/outcome.js";
export { recordedRun, type RecordedRun, type RerunOptions } from "./testing/recorded-run.js";
export { runNode, type RunNodeOptions } from "./testing/run-node.js";
export type { MocksOf } from "./testing/typed-workflow.js";
export { virtualTime, type VirtualTime, type VirtualTimeOptions } from "./testing/virtual-time.js";
