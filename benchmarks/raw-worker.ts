/** The worker of the raw piscina in `parallel.ts`. */
import { move } from "piscina";

export const empty = () => 1;
export const make = () => move(new Float64Array(1 << 20));
export const touch = (array: Float64Array) => {
  array[0]++;
  return move(array);
};
