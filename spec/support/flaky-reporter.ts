import type { Reporter, TestModule } from "vitest/node";

/** Names the specs that passed only when they were tried again, and why they failed at first. */
export class FlakyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const flaky = modules.flatMap((module) =>
      Array.from(module.children.allTests("passed")).filter((test) => test.diagnostic()?.flaky),
    );
    for (const test of flaky) {
      const reason = test.result().errors?.[0]?.message;
      process.stderr.write(
        `Passed when tried again: ${test.module.relativeModuleId} > ${test.fullName}\n  ${reason}\n`,
      );
    }
  }
}
