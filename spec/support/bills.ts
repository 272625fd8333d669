import { Dag } from "dagwright";

/** A bill: `net` = price · count, `tax` = net · rate, `total` = net + tax. Counts the calls of each node. */
export function bills() {
  const calls: string[] = [];
  const dag = new Dag("bill");
  const net = dag.node("net", (price: number, count: number) => {
    calls.push("net");
    return price * count;
  });
  const tax = dag.node("tax", { needs: [net] }, (amount: number, rate: number) => {
    calls.push("tax");
    return amount * rate;
  });
  dag.node("total", { needs: [net, tax] }, (amount: number, more: number) => {
    calls.push("total");
    return amount + more;
  });
  return { dag, calls, inputs: { price: 10, count: 2, rate: 0.5 } };
}
