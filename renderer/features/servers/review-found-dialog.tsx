import { type FormEvent, useId, useState } from 'react';
import type { FoundServer } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { AlertIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { navigate } from '../../navigation.ts';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { WhatRuns } from './what-runs.tsx';

/** Shows a found server whole before it is taken over. The core refuses if its file says something else by then. */
export function ReviewFoundDialog({ found, onClose }: { found: FoundServer; onClose(): void }) {
  const { bridge } = useServices();
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const id = useId();
  const words = texts.found;
  const asks = found.asks ?? [];
  const take = useAction(async () => {
    const { source, file, name, digest } = found;
    const given = asks.length > 0 ? { values } : {};
    const added = await bridge.request('servers.import', { source, file, found: name, digest, ...given });
    onClose();
    navigate('servers', added.slug);
  });
  const complete = found.problem === undefined && asks.every((name) => (values[name] ?? '') !== '');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (complete) take.start();
  };
  return (
    <Dialog title={words.dialog(visibleText(found.name, { max: 80 }))} onClose={onClose}>
      <form onSubmit={submit}>
        <p className="faint">
          <Outside text={words.from(found.source, found.file)} max={4_200} />
        </p>
        <section className="notice warning" aria-label={texts.add.whole}>
          <AlertIcon />
          <div>
            <strong>{found.kind === 'stdio' ? texts.add.whole : texts.add.wholeUrl}</strong>
            <WhatRuns target={found} />
            {found.kind === 'stdio' && <p>{texts.add.wholeText}</p>}
          </div>
        </section>
        {found.problem !== undefined && (
          <section className="notice danger stacked" aria-label={words.cannot}>
            <h3>{words.cannot}</h3>
            <p>
              <Outside text={found.problem} max={1_000} />
            </p>
            <p>{words.cannotHint}</p>
          </section>
        )}
        {asks.map((name, index) => (
          <Field
            key={name}
            id={`${id}-${index}`}
            label={words.asks(visibleText(name, { max: 80 }))}
            hint={words.asksHint}
          >
            <input
              id={`${id}-${index}`}
              aria-describedby={`${id}-${index}-hint`}
              className="input mono"
              type="password"
              autoComplete="off"
              required
              value={values[name] ?? ''}
              onChange={(event) => setValues({ ...values, [name]: event.target.value })}
            />
          </Field>
        ))}
        <p className="faint">{words.nothingRuns}</p>
        <Failure error={take.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="button primary" disabled={!complete || take.pending}>
            {words.take}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
