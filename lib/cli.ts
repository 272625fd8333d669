#!/usr/bin/env node
/** The command `dagwright`. */
import { enterModules } from "./cli/module-scope.js";

enterModules();
const { main } = await import("./cli/main.js");
await main(process.argv.slice(2));
