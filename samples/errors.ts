/**
 * Error strategies: one of three feeds is broken. Shows what each strategy does about it, and what a retry does.
 *
 * Prints one line per strategy:
 *
 *     failFast: Node "weather" failed: the feed is down. See the cause.
 *     continue: failed, page skipped, news kept
 *     continueNone: failed, page "news + nothing + sport"
 *     retry: completed after 2 attempts
 */
import { Dag, ExecutionError, type Context } from "dagwright";

const feeds = new Dag("feeds");
const news = feeds.node("news", () => "news");
const weather = feeds.node("weather", (): string => {
  throw new Error("the feed is down");
});
const sport = feeds.node("sport", () => "sport");
const page = feeds.all("page", { needs: [news, weather, sport] }, (parts) =>
  [parts.news, parts.weather ?? "nothing", parts.sport].join(" + "),
);

try {
  await feeds.run();
} catch (error) {
  if (error instanceof ExecutionError) console.log(`failFast: ${error.message}`);
}

const skipped = await feeds.run({ errorStrategy: "continue" });
console.log(`continue: ${skipped.status}, page ${skipped.nodes.get("page")?.status}, ${skipped.get(news)} kept`);

const nulled = await feeds.run({ errorStrategy: "continueNone" });
console.log(`continueNone: ${nulled.status}, page "${nulled.get(page)}"`);

const flaky = new Dag("flaky");
flaky.node("call", { retry: 2 }, (ctx: Context) => {
  if (ctx.attempt === 1) throw new Error("try again");
  return "answer";
});
const retried = await flaky.run();
console.log(`retry: ${retried.status} after ${retried.nodes.get("call")?.attempts} attempts`);
