import { type FormEvent, useId, useState } from 'react';
import type { RequestInput } from '../../../electron/shared/contract.ts';
import { SallyportError } from '../../../electron/shared/errors.ts';
import { CommandLine } from '../../components/command-line.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { AlertIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { Segmented } from '../../components/segmented.tsx';
import { navigate } from '../../navigation.ts';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Kind = 'command' | 'url';

/** Adds a server. What will run is shown whole, and named as what it is: running code as this person. */
export function AddServerDialog({ onClose }: { onClose(): void }) {
  const { bridge } = useServices();
  const [kind, setKind] = useState<Kind>('command');
  const [name, setName] = useState('');
  const [command, setCommand] = useState('');
  const [args, setArgs] = useState('');
  const [env, setEnv] = useState('');
  const [url, setUrl] = useState('');
  const id = useId();
  const argLines = args === '' ? [] : args.replace(/\n$/, '').split('\n');
  const add = useAction(async () => {
    const spec: RequestInput<'servers.add'> =
      kind === 'url'
        ? { name: name.trim(), url: url.trim() }
        : { name: name.trim(), command: command.trim(), args: argLines, env: parseEnv(env) };
    const added = await bridge.request('servers.add', spec);
    onClose();
    navigate('servers', added.slug);
  });
  const complete = name.trim() !== '' && (kind === 'url' ? url.trim() !== '' : command.trim() !== '');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (complete) add.start();
  };
  const words = texts.add;
  return (
    <Dialog title={words.title} onClose={onClose}>
      <form onSubmit={submit}>
        <Field id={`${id}-name`} label={words.name} hint={words.nameHint}>
          <input
            id={`${id}-name`}
            aria-describedby={`${id}-name-hint`}
            className="input"
            required
            maxLength={80}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <Segmented
          label={words.kind}
          value={kind}
          options={[
            { value: 'command', label: words.byCommand },
            { value: 'url', label: words.byUrl },
          ]}
          onChange={setKind}
        />
        {kind === 'command' ? (
          <>
            <Field id={`${id}-command`} label={words.command}>
              <input
                id={`${id}-command`}
                className="input mono"
                required
                spellCheck={false}
                autoCapitalize="off"
                value={command}
                onChange={(event) => setCommand(event.target.value)}
              />
            </Field>
            <Field id={`${id}-args`} label={words.args} hint={words.argsHint}>
              <textarea
                id={`${id}-args`}
                aria-describedby={`${id}-args-hint`}
                className="input mono"
                rows={3}
                spellCheck={false}
                value={args}
                onChange={(event) => setArgs(event.target.value)}
              />
            </Field>
            <Field id={`${id}-env`} label={words.env} hint={words.envHint}>
              <textarea
                id={`${id}-env`}
                aria-describedby={`${id}-env-hint`}
                className="input mono"
                rows={2}
                spellCheck={false}
                value={env}
                onChange={(event) => setEnv(event.target.value)}
              />
            </Field>
            <section className="notice warning" aria-label={words.whole}>
              <AlertIcon />
              <div>
                <strong>{words.whole}</strong>
                {command.trim() === '' ? (
                  <p className="faint">{words.nothing}</p>
                ) : (
                  <p>
                    <CommandLine command={command.trim()} args={argLines} />
                  </p>
                )}
                <p>{words.wholeText}</p>
              </div>
            </section>
          </>
        ) : (
          <Field id={`${id}-url`} label={words.url}>
            <input
              id={`${id}-url`}
              type="url"
              className="input mono"
              required
              placeholder="http://127.0.0.1:8931/mcp"
              value={url}
              onChange={(event) => setUrl(event.target.value)}
            />
          </Field>
        )}
        {kind === 'url' && url.trim() !== '' && (
          <p className="faint">
            {words.wholeUrl} <Outside text={url.trim()} max={4_096} mono />
          </p>
        )}
        <Failure error={add.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="button primary" disabled={!complete || add.pending}>
            {words.do}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function parseEnv(text: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    if (!match?.[1]) throw new SallyportError('bad_input', 'app', texts.add.badEnv(index + 1));
    env[match[1]] = match[2] ?? '';
  }
  return env;
}
