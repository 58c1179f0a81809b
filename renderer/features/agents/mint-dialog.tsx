import { type FormEvent, useId, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { parseDuration } from '../../../electron/shared/duration.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { Segmented } from '../../components/segmented.tsx';
import { formatDay } from '../../format.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

const ttls = ['1d', '7d', '30d', '90d'] as const;

/** Makes a token for one shared server and shows it once: it is in no state, and gone when the dialog closes. */
export function MintDialog({ server, onClose }: { server?: string; onClose(): void }) {
  const { servers } = useAppState();
  const { bridge } = useServices();
  const shared = servers.filter((each) => each.shared);
  const [slug, setSlug] = useState(server ?? shared[0]?.slug ?? '');
  const [name, setName] = useState('');
  const [ttl, setTtl] = useState<(typeof ttls)[number]>('30d');
  const [made, setMade] = useState<RequestOutput<'agents.token'>>();
  const id = useId();
  const mint = useAction(async () => {
    setMade(
      await bridge.request('agents.token', {
        server: slug,
        ttlMs: parseDuration(ttl),
        ...(name.trim() === '' ? {} : { name: name.trim() }),
      }),
    );
  });
  const words = texts.token;
  if (made) {
    return (
      <Dialog title={words.onceTitle} onClose={onClose}>
        <p>{words.once}</p>
        <p className="address">
          <span className="hidden">{words.value}</span>
          <code className="mono token" translate="no">
            {made.token}
          </code>
          <CopyButton text={made.token} />
        </p>
        <p className="faint">{words.until(formatDay(made.expiresAt))}</p>
        <footer className="dialog-foot">
          <button type="button" className="button primary" onClick={onClose}>
            {words.done}
          </button>
        </footer>
      </Dialog>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (slug !== '') mint.start();
  };
  return (
    <Dialog title={server === undefined ? texts.agents.mint : words.title(server)} onClose={onClose}>
      {shared.length === 0 ? (
        <p>{words.noServers}</p>
      ) : (
        <form onSubmit={submit}>
          {server === undefined && (
            <Field id={`${id}-server`} label={words.server}>
              <select
                id={`${id}-server`}
                className="input mono"
                value={slug}
                onChange={(event) => setSlug(event.target.value)}
              >
                {shared.map((each) => (
                  <option key={each.slug} value={each.slug}>
                    {each.slug}
                  </option>
                ))}
              </select>
            </Field>
          )}
          <Field id={`${id}-name`} label={words.name} hint={words.nameHint}>
            <input
              id={`${id}-name`}
              aria-describedby={`${id}-name-hint`}
              className="input"
              maxLength={80}
              placeholder={words.namePlaceholder}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          </Field>
          <div className="field">
            <span aria-hidden="true">{words.ttl}</span>
            <Segmented
              label={words.ttl}
              value={ttl}
              options={ttls.map((value) => ({ value, label: words.ttls[value] }))}
              onChange={setTtl}
            />
          </div>
          <Failure error={mint.error} />
          <footer className="dialog-foot">
            <button type="button" className="button" onClick={onClose}>
              {texts.cancel}
            </button>
            <button type="submit" className="button primary" disabled={mint.pending}>
              {words.do}
            </button>
          </footer>
        </form>
      )}
    </Dialog>
  );
}
