/** Names and values that would harm a terminal, and many nodes. */
import { Dag } from "dagwright";

export const hostile = new Dag("evil\x1b[2J\u202e");
hostile.node("line\nbreak\x07", () => "\x1b]0;title\x07text");

export const large = new Dag("large");
large.node("text", () => "x".repeat(5_000_000));

export const wide = new Dag("wide");
for (let i = 0; i < 10_000; i++) wide.node(`node ${i}`, async () => i);
