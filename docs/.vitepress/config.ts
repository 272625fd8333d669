import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type DefaultTheme } from "vitepress";
import { anchorOf } from "./anchors.js";

const REPOSITORY = "https://github.com/dagwright/dagwright";

/** The sections of llms.txt, which lists all pages. */
function sidebar(): DefaultTheme.SidebarItem[] {
  const [, ...sections] = readFileSync(new URL("../llms.txt", import.meta.url), "utf8").split(/^## /mu);
  return sections.map((section) => ({
    text: /^.*/u.exec(section)?.[0].replace("Optional", "Coming from") ?? "",
    items: Array.from(section.matchAll(/^- \[(.*?)\]\((.*?)\.md\)/gmu), ([, text, path]) => ({
      text,
      link: `/${path}`,
    })),
  }));
}

export default defineConfig({
  title: "dagwright",
  description: "Turn annotated TypeScript classes into workflows: typed wiring, one engine, no server.",
  cleanUrls: true,
  srcExclude: ["api/**"],
  markdown: { anchor: { slugify: anchorOf } },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    socialLinks: [{ icon: "github", link: REPOSITORY }],
    sidebar: sidebar(),
  },
  buildEnd: ({ srcDir, outDir }) => copyFileSync(join(srcDir, "llms.txt"), join(outDir, "llms.txt")),
});
