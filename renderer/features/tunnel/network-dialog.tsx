import { type FormEvent, useId, useState } from 'react';
import type { RequestInput } from '../../../electron/shared/contract.ts';
import type { NetworkView } from '../../../electron/shared/views.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** Names proxy, exceptions and CAs for the way out. What is left empty is the environment's to say. */
export function NetworkDialog({
  view,
  onChanged,
  onClose,
}: {
  view: NetworkView;
  onChanged(view: NetworkView): void;
  onClose(): void;
}) {
  const { bridge } = useServices();
  const own = <Part extends { from: string }>(part: Part | undefined) => (part?.from === 'settings' ? part : undefined);
  const [proxy, setProxy] = useState(view.direct ? 'direct' : (own(view.proxy)?.address ?? ''));
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [bypass, setBypass] = useState(own(view.noProxy)?.list ?? '');
  const [caFile, setCaFile] = useState(own(view.caFile)?.path ?? '');
  const id = useId();
  const save = useAction(async () => {
    const change: RequestInput<'tunnel.networkUse'> = {
      proxy: proxy.trim() || null,
      noProxy: bypass.trim() || null,
      caFile: caFile.trim() || null,
      ...(user === '' ? {} : { credentials: { user, password } }),
    };
    onChanged(await bridge.request('tunnel.networkUse', change));
    onClose();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.start();
  };
  const words = texts.network;
  const fields = [
    { name: 'proxy', label: words.proxyField, hint: words.proxyHint, value: proxy, set: setProxy, type: 'text' },
    { name: 'user', label: words.userField, hint: words.userHint, value: user, set: setUser, type: 'text' },
    { name: 'password', label: words.passwordField, hint: '', value: password, set: setPassword, type: 'password' },
    { name: 'bypass', label: words.bypassField, hint: words.bypassHint, value: bypass, set: setBypass, type: 'text' },
    { name: 'ca', label: words.caField, hint: words.caHint, value: caFile, set: setCaFile, type: 'text' },
  ];
  return (
    <Dialog title={words.dialogTitle} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{words.dialogText}</p>
        {fields.map(({ name, label, hint, value, set, type }) => (
          <Field key={name} id={`${id}-${name}`} label={label} {...(hint === '' ? {} : { hint })}>
            <input
              id={`${id}-${name}`}
              type={type}
              aria-describedby={hint === '' ? undefined : `${id}-${name}-hint`}
              autoComplete="off"
              spellCheck={false}
              className="input mono"
              maxLength={2_000}
              value={value}
              onChange={(event) => set(event.target.value)}
            />
          </Field>
        ))}
        <Failure error={save.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="button primary" disabled={save.pending}>
            {words.save}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
