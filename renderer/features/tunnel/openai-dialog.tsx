import { type FormEvent, useId, useState } from 'react';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { EyeIcon } from '../../components/icons.tsx';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

const accesses = ['oauth', 'tunnel'] as const;

/** Chooses OpenAI's tunnel as the way in. The key is sent once and never comes back; the way is taken when a poll worked. */
export function OpenAiDialog({ onClose }: { onClose(): void }) {
  const { bridge } = useServices();
  const { servers, tunnel } = useAppState();
  const withheld = servers.filter((server) => server.private === 'withheld');
  const shared = servers.filter((server) => server.shared && server.private !== 'withheld');
  const [tunnelId, setTunnelId] = useState(tunnel.openai?.tunnelId ?? '');
  const [key, setKey] = useState('');
  const [main, setMain] = useState(
    () => tunnel.openai?.channels.find((one) => one.channel === 'main')?.server ?? shared[0]?.slug ?? '',
  );
  const [access, setAccess] = useState<(typeof accesses)[number]>(tunnel.openai?.access ?? 'oauth');
  const id = useId();
  const use = useAction(async () => {
    await bridge.request('tunnel.use', {
      way: 'openai',
      openai: {
        tunnelId: tunnelId.trim(),
        access,
        ...(key.trim() === '' ? {} : { key: key.trim() }),
        ...(main === '' ? {} : { main }),
      },
    });
    onClose();
  });
  const words = texts.tunnel;
  const kept = tunnel.openai !== undefined && tunnel.openai.tunnelId === tunnelId.trim();
  const ready = tunnelId.trim() !== '' && (kept || key.trim() !== '');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) use.start();
  };
  return (
    <Dialog title={words.openAiTitle} onClose={onClose}>
      <form onSubmit={submit}>
        <p className="notice warning">
          <EyeIcon open />
          <span>{words.openAiReads}</span>
        </p>
        {withheld.length > 0 && (
          <p className="faint">
            {words.openAiWithheld(withheld.map((server) => visibleText(server.name, { max: 80 })).join(', '))}
          </p>
        )}
        <Field id={`${id}-tunnel`} label={words.openAiId} hint={words.openAiIdHint}>
          <input
            id={`${id}-tunnel`}
            aria-describedby={`${id}-tunnel-hint`}
            autoComplete="off"
            spellCheck={false}
            className="input mono"
            placeholder="tunnel_…"
            maxLength={200}
            value={tunnelId}
            onChange={(event) => setTunnelId(event.target.value)}
          />
        </Field>
        <Field id={`${id}-key`} label={words.openAiKey} hint={kept ? words.openAiKeyKept : words.openAiKeyHint}>
          <input
            id={`${id}-key`}
            aria-describedby={`${id}-key-hint`}
            type="password"
            autoComplete="off"
            className="input mono"
            maxLength={4_096}
            value={key}
            onChange={(event) => setKey(event.target.value)}
          />
        </Field>
        {shared.length > 0 && (
          <Field id={`${id}-main`} label={words.openAiMain}>
            <select id={`${id}-main`} className="input" value={main} onChange={(event) => setMain(event.target.value)}>
              {shared.map((server) => (
                <option key={server.slug} value={server.slug}>
                  {visibleText(server.name, { max: 80 })}
                </option>
              ))}
            </select>
          </Field>
        )}
        <Field id={`${id}-access`} label={words.openAiAccess}>
          <select
            id={`${id}-access`}
            className="input"
            value={access}
            onChange={(event) => setAccess(event.target.value === 'tunnel' ? 'tunnel' : 'oauth')}
          >
            {accesses.map((each) => (
              <option key={each} value={each}>
                {words.openAiAccesses[each]}
              </option>
            ))}
          </select>
        </Field>
        <p className="faint">{words.openAiMoved}</p>
        <Failure error={use.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="button primary" disabled={use.pending || !ready}>
            {words.openAiDo}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
