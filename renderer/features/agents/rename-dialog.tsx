import { type FormEvent, useId, useState } from 'react';
import type { AgentView } from '../../../electron/shared/views.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** Gives an agent a name of the person's own. */
export function RenameDialog({ agent, onClose }: { agent: AgentView; onClose(): void }) {
  const { bridge } = useServices();
  const [name, setName] = useState(agent.name);
  const id = useId();
  const wanted = name.trim();
  const rename = useAction(async () => {
    await bridge.request('agents.rename', { id: agent.id, name: wanted });
    onClose();
  });
  const words = texts.agents;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (wanted !== '') rename.start();
  };
  return (
    <Dialog title={words.renameTitle} onClose={onClose}>
      <form onSubmit={submit}>
        <Field id={id} label={words.renameName} hint={words.renameHint}>
          <input
            id={id}
            aria-describedby={`${id}-hint`}
            className="input"
            maxLength={80}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <Failure error={rename.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="button primary" disabled={rename.pending || wanted === ''}>
            {words.renameDo}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
