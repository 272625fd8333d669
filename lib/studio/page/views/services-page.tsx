import type { Health, Services } from "../data.js";
import { agoText, durationText } from "../format.js";
import { Empty, Failure, Loading } from "../parts/message.js";
import { Status } from "../parts/status.js";
import { href } from "../router.js";
import { useData, useRepeat } from "../server.js";

/** Runs that wait longer than this for a service may have none, in ms. */
const LATE = 10_000;

/** The queue, and the services that work on it. */
export function ServicesPage() {
  const { data, error, reload } = useData<Services>("services");
  useRepeat(2000, reload);
  if (error !== undefined && data === undefined) return <Failure error={error} />;
  if (data === undefined) return <Loading />;
  const { health, workflows, drivers, now } = data;
  const isLate = health.lag > LATE;
  return (
    <section class="page">
      <h1>Services</h1>
      {isLate && (
        <p class="failure" role="alert">
          Runs have been due for {durationText(health.lag)}. Is a service of their workflow running?
        </p>
      )}
      <dl class="numbers">
        <Figure label="running" value={health.running} />
        <Figure label="due" value={health.due} />
        <Figure label="waiting" value={health.waiting} />
        <Figure label="lag" value={durationText(health.lag)} />
      </dl>
      <h2>Processes that drive runs</h2>
      {drivers.length === 0 ? (
        <Empty title="No process drives a run at the moment." />
      ) : (
        <table class="data">
          <thead>
            <tr>
              <th scope="col">Process</th>
              <th scope="col">Runs</th>
              <th scope="col">Health</th>
            </tr>
          </thead>
          <tbody>
            {drivers.map(({ name, runs, leaseExpiresAt }) => {
              const isGone = leaseExpiresAt !== undefined && leaseExpiresAt < now;
              return (
                <tr key={name}>
                  <th scope="row">{processOf(name)}</th>
                  <td class="number">{runs}</td>
                  <td>
                    <Status status={isGone ? "failed" : "running"} isBare />{" "}
                    {leaseExpiresAt === undefined
                      ? ""
                      : isGone
                        ? `gone or stuck: its lease ended ${agoText(leaseExpiresAt, now)}`
                        : `alive: its lease ends ${agoText(leaseExpiresAt, now)}`}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      <h2>Workflows</h2>
      {workflows.length === 0 ? <Empty title="There are no runs yet." /> : <Workflows workflows={workflows} />}
    </section>
  );
}

function Figure({ label, value }: { readonly label: string; readonly value: number | string }) {
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd>{value.toLocaleString()}</dd>
    </div>
  );
}

function Workflows({ workflows }: { readonly workflows: readonly (Health & { readonly name: string })[] }) {
  return (
    <table class="data">
      <thead>
        <tr>
          <th scope="col">Workflow</th>
          <th scope="col">Running</th>
          <th scope="col">Due</th>
          <th scope="col">Waiting</th>
          <th scope="col">Lag</th>
        </tr>
      </thead>
      <tbody>
        {workflows.map(({ name, running, due, waiting, lag }) => (
          <tr key={name}>
            <th scope="row">
              <a href={href(["runs"], { workflow: name })}>{name}</a>
            </th>
            <td class="number">{running}</td>
            <td class="number">{due}</td>
            <td class="number">{waiting}</td>
            <td class="number">{due === 0 ? "" : durationText(lag)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** `host, process 123`, of the name of a driver. */
function processOf(name: string): string {
  const [host, pid] = name.split("/");
  return pid === undefined ? name : `${host}, process ${pid}`;
}
