import { type FormEvent, useId, useState } from 'react';
import type { RequestInput } from '../../../electron/shared/contract.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { EyeIcon } from '../../components/icons.tsx';
import { Segmented } from '../../components/segmented.tsx';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Choice = NonNullable<RequestInput<'tunnel.use'>['anthropic']>;
const hows = ['paste', 'api'] as const;
const modes = ['cloudflared', 'native', 'listener'] as const;
const words = texts.claude;

/** Chooses Anthropic's tunnel as the way in. Tokens are sent once and never come back. */
export function ClaudeDialog({ onClose }: { onClose(): void }) {
  const { bridge } = useServices();
  const { tunnel } = useAppState();
  const inUse = tunnel.way === 'anthropic';
  const [how, setHow] = useState<(typeof hows)[number]>('paste');
  const [domain, setDomain] = useState(inUse ? tunnel.domain : '');
  const [token, setToken] = useState('');
  const [apiToken, setApiToken] = useState('');
  const [apiTunnel, setApiTunnel] = useState('');
  const [mode, setMode] = useState<(typeof modes)[number]>('cloudflared');
  const [program, setProgram] = useState('');
  const id = useId();
  const given = { domain: domain.trim(), token: token.trim(), program: program.trim() };
  const kept = inUse && given.domain === tunnel.domain;
  const use = useAction(async () => {
    const held = { mode, ...(mode === 'cloudflared' && given.program !== '' ? { cloudflared: given.program } : {}) };
    await bridge.request('tunnel.use', {
      way: 'anthropic',
      anthropic:
        how === 'api'
          ? { ...held, api: apiChoice(apiToken.trim(), apiTunnel.trim()) }
          : { ...held, domain: given.domain, ...(given.token === '' ? {} : { token: given.token }) },
    });
    onClose();
  });
  const ready = how === 'api' || (given.domain !== '' && (kept || given.token !== '' || mode === 'listener'));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) use.start();
  };
  return (
    <Dialog title={words.title} onClose={onClose}>
      <form onSubmit={submit}>
        <p className="notice">
          <EyeIcon open={false} />
          <span>{words.about}</span>
        </p>
        <Segmented
          label={words.how}
          value={how}
          options={hows.map((each) => ({ value: each, label: words.hows[each] }))}
          onChange={setHow}
        />
        {how === 'paste' ? (
          <>
            <Text
              id={`${id}-domain`}
              label={words.domain}
              hint={words.domainHint}
              value={domain}
              onChange={setDomain}
            />
            {mode !== 'listener' && (
              <Text
                id={`${id}-token`}
                secret
                label={words.token}
                hint={kept ? words.tokenKept : words.tokenHint}
                value={token}
                onChange={setToken}
              />
            )}
          </>
        ) : (
          <>
            <Text
              id={`${id}-api`}
              secret
              label={words.apiToken}
              hint={words.apiTokenHint}
              value={apiToken}
              onChange={setApiToken}
            />
            <Text
              id={`${id}-attach`}
              label={words.apiTunnel}
              hint={words.apiTunnelHint}
              value={apiTunnel}
              placeholder="tnl_…"
              onChange={setApiTunnel}
            />
          </>
        )}
        <Field id={`${id}-mode`} label={words.mode} hint={words.modeHints[mode]}>
          <select
            id={`${id}-mode`}
            aria-describedby={`${id}-mode-hint`}
            className="input"
            value={mode}
            onChange={(event) => setMode(modes.find((each) => each === event.target.value) ?? 'cloudflared')}
          >
            {modes.map((each) => (
              <option key={each} value={each}>
                {words.modes[each]}
              </option>
            ))}
          </select>
        </Field>
        {mode === 'cloudflared' && (
          <Text
            id={`${id}-program`}
            label={words.program}
            hint={words.programHint}
            value={program}
            onChange={setProgram}
          />
        )}
        {!kept && <p className="faint">{words.moved}</p>}
        <Failure error={use.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="button primary" disabled={use.pending || !ready}>
            {words.do}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function apiChoice(token: string, tunnel: string): NonNullable<Choice['api']> {
  return { ...(token === '' ? {} : { token }), ...(tunnel === '' ? {} : { tunnel }) };
}

function Text({
  id,
  label,
  hint,
  value,
  secret = false,
  placeholder,
  onChange,
}: {
  id: string;
  label: string;
  hint: string;
  value: string;
  secret?: boolean;
  placeholder?: string;
  onChange(value: string): void;
}) {
  return (
    <Field id={id} label={label} hint={hint}>
      <input
        id={id}
        aria-describedby={`${id}-hint`}
        type={secret ? 'password' : 'text'}
        autoComplete="off"
        spellCheck={false}
        className="input mono"
        placeholder={placeholder}
        maxLength={secret ? 16_384 : 4_096}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </Field>
  );
}
