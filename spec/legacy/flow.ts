/** A workflow with legacy decorators, for the command line. */
import { node, workflow } from "dagwright";

@workflow({ name: "legacy" })
export class Legacy {
  @node first(): number {
    return 1;
  }
  @node("first") second(first: number): number {
    return first + 1;
  }
}
