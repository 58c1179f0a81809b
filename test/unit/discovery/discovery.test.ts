// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files that are read use this form themselves.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDiscovery, type Discovered } from '../../../electron/core/servers/discovery/discovery.ts';
import { makeHome, zip } from './home.ts';

type Platform = 'linux' | 'darwin' | 'win32';

function look(home: string, platform: Platform = 'linux', environment: Record<string, string> = {}) {
  return createDiscovery({ platform, home, environment }).find();
}

const plain = { command: 'npx', args: ['-y', 'pg-mcp'], env: { PGURL: 'postgres://me:secret@db/x' } };
const asFound = { kind: 'stdio', command: 'npx', args: ['-y', 'pg-mcp'], env: ['PGURL'] };

describe('each program on each system', () => {
  const files: readonly [string, Readonly<Record<Platform, string>>, string | object][] = [
    [
      'Claude Desktop',
      {
        linux: '.config/Claude/claude_desktop_config.json',
        darwin: 'Library/Application Support/Claude/claude_desktop_config.json',
        win32: 'AppData/Roaming/Claude/claude_desktop_config.json',
      },
      { mcpServers: { pg: plain } },
    ],
    ['Claude Code', same('.claude.json'), { mcpServers: { pg: { type: 'stdio', ...plain } } }],
    ['Cursor', same('.cursor/mcp.json'), { mcpServers: { pg: plain } }],
    [
      'VS Code',
      {
        linux: '.config/Code/User/mcp.json',
        darwin: 'Library/Application Support/Code/User/mcp.json',
        win32: 'AppData/Roaming/Code/User/mcp.json',
      },
      `{
        // the database
        "inputs": [],
        "servers": { "pg": { "type": "stdio", "command": "npx", /* "args": [] */ "args": ["-y", "pg-mcp",],
          "env": { "PGURL": "postgres://me:secret@db/x" }, }, },
      }`,
    ],
    ['Windsurf', same('.codeium/windsurf/mcp_config.json'), { mcpServers: { pg: plain } }],
    [
      'Codex',
      same('.codex/config.toml'),
      'model = "x"\n[mcp_servers.pg]\ncommand = "npx"\nargs = ["-y", "pg-mcp"]\nenv = { PGURL = "postgres://me:secret@db/x" }\n',
    ],
    ['Gemini CLI', same('.gemini/settings.json'), { theme: 'x', mcpServers: { pg: plain } }],
    [
      'Zed',
      {
        linux: '.config/zed/settings.json',
        darwin: '.config/zed/settings.json',
        win32: 'AppData/Roaming/Zed/settings.json',
      },
      { context_servers: { pg: { source: 'custom', ...plain }, extension: { settings: {} } } },
    ],
    ['LM Studio', same('.lmstudio/mcp.json'), { mcpServers: { pg: plain } }],
  ];

  test.each(
    files.flatMap(([source, paths, content]) =>
      (['linux', 'darwin', 'win32'] as const).map((platform) => [source, platform, paths[platform], content] as const),
    ),
  )('%s on %s', async (source, platform, path, content) => {
    const home = makeHome();
    const file = home.write(path, content);
    const { found, unreadable } = await look(home.path, platform);
    expect(unreadable).toEqual([]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ name: 'pg', source, file, ...asFound });
    expect(found[0]?.problem).toBeUndefined();
    expect(found[0]?.values.env).toEqual({ PGURL: 'postgres://me:secret@db/x' });
  });

  test('the places that variables of the environment name', async () => {
    const home = makeHome();
    home.write('cfg/Code/User/mcp.json', { servers: { a: plain } });
    home.write('codex/config.toml', '[mcp_servers.b]\ncommand = "x"\n');
    const { found } = await look(home.path, 'linux', {
      XDG_CONFIG_HOME: join(home.path, 'cfg'),
      CODEX_HOME: join(home.path, 'codex'),
    });
    expect(found.map(({ name }) => name)).toEqual(['a', 'b']);
  });
});

test('projects that Claude Code knows: their own files, and its own entries for them', async () => {
  const home = makeHome();
  const project = join(home.path, 'work/site');
  home.write('.claude.json', { projects: { [project]: { mcpServers: { own: plain } }, relative: {} } });
  home.write('work/site/.mcp.json', { mcpServers: { team: { command: '${TOOL:-npx}', args: ['${WHERE}'] } } });
  home.write('work/site/.vscode/mcp.json', { servers: { here: { command: 'x', args: ['${workspaceFolder}/a'] } } });
  const { found } = await look(home.path, 'linux', { WHERE: '/srv' });
  expect(found.map(({ name, source, cwd, command, args }) => ({ name, source, cwd, command, args }))).toEqual([
    { name: 'own', source: `Claude Code (${project})`, cwd: project, command: 'npx', args: ['-y', 'pg-mcp'] },
    { name: 'team', source: 'Claude Code (project)', cwd: project, command: 'npx', args: ['/srv'] },
    { name: 'here', source: 'VS Code (project)', cwd: project, command: 'x', args: [`${project}/a`] },
  ]);
});

describe('servers over HTTP', () => {
  test('headers go with them, by name; their values only to the import', async () => {
    const home = makeHome();
    home.write('.cursor/mcp.json', {
      mcpServers: {
        t: { url: 'https://t.example/mcp', headers: { Authorization: 'Bearer sk-1', 'X-Org': '${env:ORG}' } },
      },
    });
    home.write(
      '.codex/config.toml',
      '[mcp_servers.c]\nurl = "https://c.example/mcp"\nbearer_token_env_var = "C_TOKEN"\n',
    );
    const { found } = await look(home.path, 'linux', { C_TOKEN: 'tok' });
    expect(found[0]).toMatchObject({ kind: 'http', url: 'https://t.example/mcp', headers: ['Authorization', 'X-Org'] });
    expect(found[0]).toMatchObject({ asks: ['X-Org'], values: { headers: { Authorization: 'Bearer sk-1' } } });
    expect(found[1]).toMatchObject({
      headers: ['authorization'],
      values: { headers: { authorization: 'Bearer tok' } },
    });
    expect(JSON.stringify(found.map(({ values: _, ...shown }) => shown))).not.toContain('sk-1');
  });

  test('the old transport is named as what stands in the way', async () => {
    const home = makeHome();
    home.write('.gemini/settings.json', {
      mcpServers: { old: { url: 'http://127.0.0.1:1/sse' }, now: { httpUrl: 'http://127.0.0.1:1/mcp' } },
    });
    const { found } = await look(home.path);
    expect(found.find(({ name }) => name === 'old')?.problem).toContain('HTTP+SSE');
    expect(found.find(({ name }) => name === 'now')?.problem).toBeUndefined();
  });
});

describe('bundles', () => {
  const manifest = {
    manifest_version: '0.3',
    name: 'files',
    display_name: 'Files',
    server: {
      type: 'node',
      entry_point: 'server/index.js',
      mcp_config: {
        command: 'node',
        args: ['${__dirname}/server/index.js', '${user_config.folders}'],
        env: { KEY: '${user_config.key}', LEVEL: '${user_config.level}' },
        platform_overrides: { win32: { command: 'node.exe' } },
      },
    },
    user_config: {
      folders: { type: 'directory', multiple: true },
      key: { type: 'string', sensitive: true },
      level: { type: 'number', default: 3 },
    },
  };

  test('what Claude Desktop unpacked, with the settings that the person made there', async () => {
    const home = makeHome();
    home.write('.config/Claude/Claude Extensions/ext.files/manifest.json', manifest);
    home.write('.config/Claude/Claude Extensions Settings/ext.files.json', {
      isEnabled: true,
      userConfig: { folders: ['/a', '/b'], key: '__encrypted__:abc' },
    });
    const { found } = await look(home.path);
    const folder = join(home.path, '.config/Claude/Claude Extensions/ext.files');
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ name: 'Files', command: 'node', args: [`${folder}/server/index.js`, '/a', '/b'] });
    expect(found[0]).toMatchObject({ asks: ['KEY'], values: { env: { LEVEL: '3' } } });
  });

  test('an archive is looked at and not unpacked', async () => {
    const home = makeHome();
    home.write('Downloads/files.mcpb', zip({ 'server/index.js': '1', 'manifest.json': JSON.stringify(manifest) }));
    home.write('Downloads/broken.mcpb', Buffer.from('PK nothing'));
    home.write('Downloads/bomb.dxt', zip({ 'manifest.json': ' '.repeat(3_000_000) }));
    const { found, unreadable } = await look(home.path);
    expect(found.map(({ name, problem }) => [name, problem])).toEqual([
      ['Files', expect.stringContaining('not unpacked')],
    ]);
    expect(unreadable.map(({ why }) => why)).toEqual(['its manifest.json is too large', 'it is no ZIP archive']);
    expect(readdirSync(join(home.path, 'Downloads'))).toHaveLength(3);
  });
});

describe('files that are not as they should be', () => {
  test.each([
    ['no JSON', '{"mcpServers": {', 'JSON'],
    ['no object', '[1]', 'no object'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'UTF-8'],
    ['too large', ' '.repeat(33 * 1024 * 1024), 'larger than 32 MiB'],
  ])('%s is told, and the others are still read', async (_, content, why) => {
    const home = makeHome();
    home.write('.cursor/mcp.json', content);
    home.write('.lmstudio/mcp.json', { mcpServers: { pg: plain } });
    const { found, unreadable } = await look(home.path);
    expect(found.map(({ source }) => source)).toEqual(['LM Studio']);
    expect(unreadable).toEqual([
      { source: 'Cursor', file: join(home.path, '.cursor/mcp.json'), why: expect.stringContaining(why) },
    ]);
  });

  test('a FIFO is not waited for, and a folder is no file', async () => {
    const home = makeHome();
    mkdirSync(join(home.path, '.cursor/mcp.json'), { recursive: true });
    mkdirSync(join(home.path, '.lmstudio'));
    execFileSync('mkfifo', [join(home.path, '.lmstudio/mcp.json')]);
    const { unreadable } = await look(home.path);
    expect(unreadable.map(({ source }) => source)).toEqual(['Cursor', 'LM Studio']);
  });

  test('one bad entry does not hide the others, and says what is wrong with it', async () => {
    const home = makeHome();
    const mcpServers = { bad: { command: 'x', args: 'y' }, empty: {}, ['__proto__']: { command: 'p' }, good: plain };
    home.write('.cursor/mcp.json', JSON.stringify({ mcpServers }));
    const { found } = await look(home.path);
    const problems = new Map(found.map((each): [string, string | undefined] => [each.name, each.problem]));
    expect(problems.get('bad')).toContain('args');
    expect(problems.get('empty')).toContain('neither a command nor a URL');
    expect(problems.has('good')).toBe(true);
    expect(problems.get('good')).toBeUndefined();
  });

  test('a hostile comment costs no time', async () => {
    const home = makeHome();
    home.write('.cursor/mcp.json', `{${'/*'.repeat(500_000)}`);
    home.write('.lmstudio/mcp.json', `{"mcpServers": {} ${','.repeat(500_000)}`);
    const from = performance.now();
    await look(home.path);
    expect(performance.now() - from).toBeLessThan(2_000);
  });

  test('what has no value here is asked for, or stands in the way', async () => {
    const home = makeHome();
    home.write('.cursor/mcp.json', {
      mcpServers: { a: { command: 'x', args: ['${env:NOT_THERE}'], env: { K: '${input:token}', L: '1' } } },
    });
    const { found } = await look(home.path);
    expect(found[0]).toMatchObject({ env: ['L', 'K'], asks: ['K'], values: { env: { L: '1' } } });
    expect(found[0]?.problem).toContain('NOT_THERE');
  });
});

test('nothing is written, and what runs decides the digest', async () => {
  const home = makeHome();
  const file = home.write('.cursor/mcp.json', { mcpServers: { pg: plain } });
  const before = [
    readFileSync(file, 'utf8'),
    statSync(file).mtimeMs,
    readdirSync(home.path, { recursive: true }).sort(),
  ];
  const digestOf = async (): Promise<Discovered['digest'] | undefined> => (await look(home.path)).found[0]?.digest;
  const first = await digestOf();
  expect([
    readFileSync(file, 'utf8'),
    statSync(file).mtimeMs,
    readdirSync(home.path, { recursive: true }).sort(),
  ]).toEqual(before);
  home.write('.cursor/mcp.json', { mcpServers: { pg: { ...plain, env: { PGURL: 'other' } } } });
  expect(await digestOf()).toBe(first);
  home.write('.cursor/mcp.json', { mcpServers: { pg: { ...plain, args: ['-y', 'evil'] } } });
  expect(await digestOf()).not.toBe(first);
});

function same(path: string): Record<Platform, string> {
  return { linux: path, darwin: path, win32: path };
}
