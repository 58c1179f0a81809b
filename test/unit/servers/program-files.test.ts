import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createProgramFiles,
  type EntryWish,
  type ProgramFiles,
} from '../../../electron/core/servers/program-files/program-files.ts';
import { type WritableProgram, writableProgramIds } from '../../../electron/shared/programs.ts';
import { createManualClock } from '../../manual-clock.ts';

const url = 'https://localhost:47443/files/mcp';
let home: string;
let dataFolder: string;
let files: ProgramFiles;
let troubles: string[];
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-home-')));
  dataFolder = join(home, 'data');
  troubles = [];
  mkdirSync(dataFolder);
  files = createProgramFiles({
    machine: { platform: 'linux', home, environment: {} },
    clock: createManualClock(),
    dataFolder,
    onTrouble: (error) => troubles.push(error.message),
  });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const wish = (program: WritableProgram, change: Partial<EntryWish> = {}): EntryWish => ({
  program,
  slug: 'files',
  url,
  ...change,
});
function put(path: string, text: string, mode = 0o644): string {
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}
async function write(one: EntryWish, token?: string) {
  const { digest } = await files.propose(one);
  return await files.write(one, digest, token);
}

/** What stands in each program's file before, with what people keep there, and what must be the only lines that come. */
const cases: Readonly<Record<WritableProgram, { path: string; before: string; removed?: string[]; added: string[] }>> =
  {
    'claude-code': {
      path: '.claude.json',
      before: '{\n  "numStartups": 41,\n  "projects": { "/work": { "history": ["x"] } },\n  "mcpServers": {}\n}\n',
      removed: ['"mcpServers": {}'],
      added: ['"mcpServers": {', '"files": {', '"type": "http",', `"url": "${url}"`, '}', '}'],
    },
    cursor: {
      path: '.cursor/mcp.json',
      before:
        '{\n\t// mine\n\t"mcpServers": {\n\t\t// sky\n\t\t"weather": { "command": "weather" } /* keep */\n\t}\n}\n',
      added: ['"files": {', `"url": "${url}"`, '},'],
    },
    vscode: {
      path: '.config/Code/User/mcp.json',
      before:
        '{\r\n    // servers of mine\r\n    "inputs": [],\r\n    "servers": {\r\n        "a": {},\r\n    },\r\n}\r\n',
      added: ['"files": {', '"type": "http",', `"url": "${url}"`, '},'],
    },
    codex: {
      path: '.codex/config.toml',
      before: '# my model\nmodel = "o9"   # the best\n\n[mcp_servers.weather]\ncommand = "weather"\n',
      added: ['', '[mcp_servers.files]', `url = "${url}"`],
    },
    gemini: {
      path: '.gemini/settings.json',
      before: '{\n  "theme": "dark"\n}\n',
      added: ['"mcpServers": {', '"files": {', `"httpUrl": "${url}"`, '}', '},'],
    },
    zed: {
      path: '.config/zed/settings.json',
      before: '// Zed settings\n{\n  "vim_mode": true, // always\n}\n',
      added: ['"context_servers": {', '"files": {', `"url": "${url}"`, '}', '},'],
    },
    windsurf: {
      path: '.codeium/windsurf/mcp_config.json',
      before: '{\n  "mcpServers": { "a": { "command": "a" } }\n}\n',
      removed: ['"mcpServers": { "a": { "command": "a" } }'],
      added: ['"mcpServers": {', '"files": {', `"serverUrl": "${url}"`, '},', '"a": {', '"command": "a"', '}', '}'],
    },
    'lm-studio': {
      path: '.lmstudio/mcp.json',
      before: '',
      added: ['{', '"mcpServers": {', '"files": {', `"url": "${url}"`, '}', '}', '}'],
    },
  };

test.each(writableProgramIds)(
  '%s: exactly the shown lines come, all else stays, the file before is kept, and it is undone',
  async (program) => {
    const { path, before, removed = [], added } = cases[program];
    const file = put(path, before, 0o640);
    const proposal = await files.propose(wish(program));
    expect(proposal).toMatchObject({ file, exists: true });
    expect(readFileSync(file, 'utf8')).toBe(before);
    const holderWas = ['cursor', 'vscode', 'codex'].includes(program);
    const { kept } = await files.write(wish(program), proposal.digest);
    const after = readFileSync(file, 'utf8');
    expect(readFileSync(kept ?? '', 'utf8')).toBe(before);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    const shown = (kind: string) => proposal.lines.filter((line) => line.kind === kind).map(({ text }) => text.trim());
    expect([shown('removed'), shown('added')]).toEqual([removed, added]);
    for (const comment of before.match(/\/\/.*|#.*|\/\*.*?\*\//g) ?? []) expect(after).toContain(comment.trimEnd());
    expect(after.includes('\r\n')).toBe(before.includes('\r\n'));
    expect(after).toContain(url);
    expect([await files.undo('files'), troubles]).toEqual([[file], []]);
    const undone = readFileSync(file, 'utf8');
    expect(undone).not.toContain(url);
    for (const comment of before.match(/\/\/.*|#.*|\/\*.*?\*\//g) ?? []) expect(undone).toContain(comment.trimEnd());
    if (holderWas) expect(undone).toBe(before);
    expect(await files.undo('files')).toEqual([]);
    expect(troubles).toEqual([]);
  },
);

describe('it is refused, and nothing changes,', () => {
  test.each([
    ['.cursor/mcp.json', 'cursor', '{ "mcpServers": { "a": ', 'program_file_unreadable'],
    ['.cursor/mcp.json', 'cursor', '[1, 2]', 'program_file_unreadable'],
    ['.cursor/mcp.json', 'cursor', '{ "mcpServers": {}, "mcpServers": { "b": {} } }', 'program_file_unchangeable'],
    ['.codex/config.toml', 'codex', 'model = \n', 'program_file_unreadable'],
    ['.codex/config.toml', 'codex', 'mcp_servers = { a = { command = "x" } }\n', 'program_file_unreadable'],
    ['.codex/config.toml', 'codex', '[mcp_servers.files]\nurl = "https://other"\n', 'program_entry_exists'],
  ] as const)('%s as %s: %j', async (path, program, before, code) => {
    const file = put(path, before);
    await expect(files.propose(wish(program))).rejects.toMatchObject({ code });
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(readdirSync(dataFolder)).toEqual([]);
  });

  test('when the file changed since it was shown, or came to be', async () => {
    const file = put('.cursor/mcp.json', '{}');
    const { digest } = await files.propose(wish('cursor'));
    writeFileSync(file, '{ "mcpServers": {} }');
    await expect(files.write(wish('cursor'), digest)).rejects.toMatchObject({ code: 'program_file_changed' });
    expect(readFileSync(file, 'utf8')).toBe('{ "mcpServers": {} }');
    const none = await files.propose(wish('gemini'));
    put('.gemini/settings.json', '{}');
    await expect(files.write(wish('gemini'), none.digest)).rejects.toMatchObject({ code: 'program_file_changed' });
    // What was shown without a token is no leave to write one.
    const bare = await files.propose(wish('lm-studio'));
    await expect(files.write(wish('lm-studio', { token: '…' }), bare.digest, 'sp_x')).rejects.toMatchObject({
      code: 'program_file_changed',
    });
  });

  test('when the program has no file inside projects', async () => {
    await expect(files.propose(wish('windsurf', { project: home }))).rejects.toMatchObject({
      code: 'no_such_program_file',
    });
    await expect(files.propose(wish('cursor', { project: 'relative' }))).rejects.toMatchObject({
      code: 'no_such_program_file',
    });
  });
});

test('a new file is made for its owner alone; a project’s file says which repository it lies in', async () => {
  mkdirSync(join(home, 'project/.git'), { recursive: true });
  const one = wish('vscode', { project: join(home, 'project') });
  const proposal = await files.propose(one);
  expect(proposal).toMatchObject({ exists: false, repository: join(home, 'project') });
  const { file, kept } = await files.write(one, proposal.digest);
  expect([file, kept]).toEqual([join(home, 'project/.vscode/mcp.json'), undefined]);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ servers: { files: { type: 'http', url } } });
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a token takes the place of its stand-in, and makes the file its owner’s alone', async () => {
  for (const [program, path] of [
    ['lm-studio', '.lmstudio/mcp.json'],
    ['codex', '.codex/config.toml'],
  ] as const) {
    const file = put(path, '');
    const one = wish(program, { token: '…' });
    const { lines } = await files.propose(one);
    expect(lines.map(({ text }) => text).join('\n')).toContain('Bearer …');
    await write(one, 'sp_secret');
    expect(readFileSync(file, 'utf8')).toContain('Bearer sp_secret');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
  // What is remembered for the undoing is a hash.
  expect(readFileSync(join(dataFolder, 'written-entries.json'), 'utf8')).not.toContain('sp_secret');
  expect((await files.undo('files')).length).toBe(2);
});

test('a link stays a link, and an entry that somebody changed since stays as it is', async () => {
  const real = put('dotfiles/cursor.json', '{}');
  mkdirSync(join(home, '.cursor'));
  symlinkSync(real, join(home, '.cursor/mcp.json'));
  await write(wish('cursor'));
  expect(lstatSync(join(home, '.cursor/mcp.json')).isSymbolicLink()).toBe(true);
  const mine = readFileSync(real, 'utf8').replace(url, 'https://mine.example/mcp');
  writeFileSync(real, mine);
  expect(await files.undo('files')).toEqual([]);
  expect(readFileSync(real, 'utf8')).toBe(mine);
});
