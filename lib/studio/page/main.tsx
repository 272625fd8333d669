import { render } from "preact";
import { App } from "./app.js";
import { setTheme, theme } from "./theme.js";

setTheme(theme.get());
render(<App />, document.getElementById("app") as HTMLElement);
