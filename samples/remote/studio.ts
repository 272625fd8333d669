/** Shows the runs in a browser. In a container it listens on all interfaces, of which compose.yaml publishes one. */
import { serve } from "@hono/node-server";
import { createStudio } from "dagwright/studio";
import { openStore } from "./settings.js";

const { HOST: hostname = "127.0.0.1", PORT = "4983" } = process.env;
const studio = createStudio({ store: openStore(), readOnly: true });
serve({ fetch: (request) => studio.fetch(request), hostname, port: Number(PORT) }, ({ port }) => {
  console.log(`http://localhost:${port}/?token=${studio.token}`);
});
