/** A workflow whose only node calls a helper that asks for the context. Workers import it. */
import { Dag, getContext } from "dagwright";

const here = () => getContext()?.nodeName;

export const unannounced = new Dag("unannounced");
unannounced.node("hidden", () => here());
