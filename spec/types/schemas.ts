/** Compile-time checks of schemas, which type the inputs of runs and the results of nodes. */
import { z } from "zod";
import { Dag, Fsm, next, node, state, stop } from "dagwright";

const inputs = {
  limit: z.number().default(10),
  from: z.coerce.date(),
  tags: z.array(z.string()),
  note: z.string().optional(),
};

const dag = new Dag("typed", { inputs });
void dag.run({ inputs: { from: "2026", tags: [] } });
void dag.run({ inputs: { from: "2026", tags: [], limit: 3, note: "x" } });
// @ts-expect-error "tags" is required
void dag.run({ inputs: { from: "2026" } });
// @ts-expect-error a limit is a number
void dag.run({ inputs: { from: "2026", tags: [], limit: "3" } });
// @ts-expect-error there is no input "limits"
void dag.start({ inputs: { from: "2026", tags: [], limits: 3 } });
// A part of a run may take its inputs from an earlier one.
void dag.runFrom("n", { inputs: { tags: [] } });
// @ts-expect-error not a schema
void new Dag("untyped", { inputs: { n: 1 } });

const load = dag.node("load", { output: z.object({ id: z.coerce.number() }) }, (): unknown => ({ id: "1" }));
dag.node("next", { needs: [load] }, ({ id }) => id.toFixed());
const plain = dag.node("plain", { retry: 2 }, async () => "text");
const all = dag.all("all", { needs: [load, plain], output: z.string() }, (values) => values.plain + values.load.id);
const fork = dag.condition("fork", { needs: [plain], output: z.coerce.number() }, (text) => text.length > 1);

export async function results(): Promise<void> {
  const run = await dag.run({ inputs: { from: 1, tags: [] } });
  const id: number | undefined = run.get(load)?.id;
  const text: string | undefined = run.get(plain);
  const joined: string | undefined = run.get(all);
  const passed: number | undefined = run.get(fork);
  // @ts-expect-error the schema makes a number
  const wrong: string | undefined = run.get(load)?.id;
  void [id, text, joined, passed, wrong];
}

class Orders {
  @node({ output: z.object({ id: z.number() }) }) load(): { id: number } {
    return { id: 1 };
  }
  @node("load", { output: z.number() }) open(order: { id: number }): unknown {
    return order.id;
  }
  // @ts-expect-error the schema makes a string, but the method says number
  @node({ output: z.coerce.string() }) wrong(): number {
    return 1;
  }
  // @ts-expect-error there is no method "lod"
  @node("lod", { output: z.number() }) typo(order: { id: number }): number {
    return order.id;
  }
}

const orders = Dag.from(Orders, { inputs: { limit: z.number() } });
void orders.run({ inputs: { limit: 1 } });
// @ts-expect-error a limit is a number
void orders.run({ inputs: { limit: "1" } });

const declared = Dag.from<typeof Orders, { limit: number; other: string }>(Orders, { inputs: { limit: z.number() } });
void declared.run({ inputs: { limit: 1, other: "x" } });
// @ts-expect-error the schema takes a string, but the input is declared as a number
void Dag.from<typeof Orders, { limit: number }>(Orders, { inputs: { limit: z.string() } });

class Machine {
  @state({ initial: true, output: z.number() }) first() {
    return next("last", 1);
  }
  @state({ output: z.number() }) last(n: number) {
    return stop(n);
  }
  // @ts-expect-error the schema makes a number, but the value is a string
  @state({ output: z.number() }) wrong() {
    return stop("x");
  }
}

const machine = Fsm.from(Machine, { inputs: { id: z.string(), note: z.string().default("") } });
void machine.start({ inputs: { id: "a" } });
// @ts-expect-error "id" is required
void machine.run({ inputs: { note: "a" } });
const fsm = new Fsm("typed", { inputs: { id: z.string() } });
const made = fsm.state("first", { output: z.coerce.number() }, () => "1");
const value: number = made.type;
void value;
// @ts-expect-error an id is a string
void fsm.run({ inputs: { id: 1 } });

const again = Dag.fromJSON(dag.toJSON(), { functions: { load: async () => 1, show: (load: number) => `${load}` } });
export async function read(): Promise<void> {
  const run = await again.run();
  const number: number | undefined = run.get("load");
  const text: string | undefined = run.get("show");
  // @ts-expect-error there is no function "shows"
  run.get("shows");
  void [number, text];
}
