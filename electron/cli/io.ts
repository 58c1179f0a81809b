import { resolve } from 'node:path';
import { defaultDataFolder } from '../core/state/data-folder.ts';
import { safeJson } from './output.ts';

/** What commands write to and read from. */
export interface CliIo {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether `--json` was given. */
  json(): boolean;
  /** Whether a person sits at both ends: standard input and output are a terminal, and nobody asked for JSON. */
  terminal(): boolean;
  /** The data folder that `--data-dir` names, or the default. */
  dataDir(): string;
  /** `--data-dir` as an absolute path; undefined where it was not given. */
  givenDataDir(): string | undefined;
  readonly stdin: NodeJS.ReadStream;
  readonly version: string;
  /** Command and arguments that start this very program again. */
  readonly selfCommand: readonly string[];
  /** The exit status where nothing is thrown. */
  status(status: number): void;
  /** Prints one document: as JSON, or as people read it. */
  print(document: object, human: () => string): void;
}

/** Global options, known once the arguments are parsed. */
export interface GlobalOptions {
  json?: boolean;
  dataDir?: string;
}

/** Where a command reads and writes: the streams of this process, or others that stand in for them. */
export interface CliStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown };
}

/** Joins the streams with the options. @param options read when needed, not before */
export function createIo(deps: {
  readonly streams: CliStreams;
  readonly version: string;
  readonly selfCommand: readonly string[];
  readonly options: () => GlobalOptions;
  readonly onStatus: (status: number) => void;
}): CliIo {
  const { streams } = deps;
  const stdout = (text: string): void => void streams.stdout.write(text);
  const given = (): string | undefined => {
    const { dataDir } = deps.options();
    return dataDir === undefined ? undefined : resolve(dataDir);
  };
  const json = (): boolean => deps.options().json === true;
  return {
    stdout,
    stderr: (text) => void streams.stderr.write(text),
    json,
    terminal: () => !json() && streams.stdin.isTTY === true && streams.stdout.isTTY === true,
    dataDir: () => given() ?? defaultDataFolder(),
    givenDataDir: given,
    get stdin() {
      return streams.stdin;
    },
    version: deps.version,
    selfCommand: deps.selfCommand,
    status: deps.onStatus,
    print(document, human) {
      stdout(`${json() ? safeJson(document) : human()}\n`);
    },
  };
}
