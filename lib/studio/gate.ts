import { digest, isSameSecret } from "../base/secrets.js";
import { Refusal } from "./answer.js";

/** The hosts that name this machine, and nothing else in any network. */
const LOOPBACK: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Decides which requests are let in: those that name an allowed host, come from no other page, and know the token, or
 * have the cookie that it is exchanged for.
 */
export class Gate {
  /** Names the cookie, which browsers send to every port of a host: several studios each have their own. */
  private readonly cookie: string;
  /** The value of the cookie, from which the token can't be derived. */
  private readonly session: string;
  private readonly hosts: ReadonlySet<string>;

  constructor(
    private readonly token: string,
    hosts: readonly string[],
  ) {
    this.cookie = `dagwright-studio-${digest(`name ${token}`).toString("hex").slice(0, 8)}`;
    this.session = digest(`session ${token}`).toString("base64url");
    this.hosts = new Set([...LOOPBACK, ...hosts.map((host) => host.toLowerCase())]);
  }

  /**
   * @returns where the link with the token leads, and the cookie for it; undefined for any other request that may pass
   * @throws {Refusal} 401, 403, 421
   */
  admit(request: Request, url: URL): { readonly location: string; readonly cookie: string } | undefined {
    this.requireHost(request, url);
    this.requireOrigin(request, url);
    const given = url.searchParams.get("token");
    if (given !== null && request.method === "GET") return this.exchange(given, url);
    this.requireSecret(request);
    return undefined;
  }

  /** A name that leads here by a trick of the DNS is not one of ours. */
  private requireHost(request: Request, url: URL): void {
    const names = [url.host, ...(request.headers.get("host")?.split(",") ?? [])];
    const unknown = names.find((name) => !this.hosts.has(hostnameOf(name)));
    if (unknown === undefined) return;
    throw new Refusal(421, "HOST", "The studio answers only at localhost, and at the hosts that it was given.");
  }

  /**
   * Pages of other origins, which other ports of this machine are as well, may open the studio, and nothing more. What
   * changes something has to come from our own page, or from a program, which browsers can't pretend to be.
   */
  private requireOrigin({ method, headers }: Request, url: URL): void {
    const origin = headers.get("origin");
    const site = headers.get("sec-fetch-site");
    const isOpened = method === "GET" && headers.get("sec-fetch-mode") === "navigate" && isPage(url.pathname);
    const isForeign =
      origin === null
        ? site !== null && site !== "same-origin" && site !== "none"
        : hostOf(origin) !== hostFor(headers, url);
    if (isForeign && !(isOpened && origin === null)) {
      throw new Refusal(403, "ORIGIN", "The request comes from another page. Open the studio by its link.");
    }
    const isReading = method === "GET" || method === "HEAD";
    if (isReading || origin !== null || headers.has("authorization")) return;
    throw new Refusal(403, "ORIGIN", "A request that changes something needs its Origin, or the token as a bearer.");
  }

  private exchange(given: string, url: URL): { readonly location: string; readonly cookie: string } {
    if (!isSameSecret(given, this.token)) throw unknownSecret();
    const rest = new URLSearchParams(url.searchParams);
    rest.delete("token");
    const query = rest.size === 0 ? "" : `?${rest.toString()}`;
    const name = url.pathname.split("/").at(-1) ?? "";
    const secure = url.protocol === "https:" ? "; Secure" : "";
    return {
      location: `./${name}${query}`,
      cookie: `${this.cookie}=${this.session}; Path=/; HttpOnly; SameSite=Strict${secure}`,
    };
  }

  private requireSecret({ headers }: Request): void {
    const bearer = /^Bearer (.+)$/iu.exec(headers.get("authorization") ?? "")?.[1];
    if (bearer !== undefined && isSameSecret(bearer, this.token)) return;
    const cookies =
      headers
        .get("cookie")
        ?.split(";")
        .map((cookie) => cookie.trim()) ?? [];
    const prefix = `${this.cookie}=`;
    const sent = cookies.find((cookie) => cookie.startsWith(prefix))?.slice(prefix.length);
    if (sent !== undefined && isSameSecret(sent, this.session)) return;
    throw unknownSecret();
  }
}

/** Says nothing of what was wrong. */
function unknownSecret(): Refusal {
  return new Refusal(401, "TOKEN", "Open the link that the studio printed when it started: it holds the token.");
}

/** Whether it is the page itself, and not one of its files or its data. */
function isPage(path: string): boolean {
  return path.endsWith("/");
}

function hostFor(headers: Headers, url: URL): string {
  return (headers.get("host") ?? url.host).trim().toLowerCase();
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

/** Without the port. */
function hostnameOf(host: string): string {
  return host.trim().toLowerCase().replace(/:\d*$/u, "");
}
