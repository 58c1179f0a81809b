import { type FormEvent, useState } from 'react';
import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { useTools } from '../servers/use-tools.ts';
import type { Holder } from './grant-list.tsx';
import { opens } from './scope.ts';
import { ToolPicker } from './tool-picker.tsx';

/** Narrows what an agent holds on one server: to what reads, or to some of its tools. It never widens. */
export function NarrowDialog({ agent, grant, server, onClose }: Holder & { server: ServerView; onClose(): void }) {
  const { bridge } = useServices();
  const { tools, error } = useTools(server);
  const held = tools?.filter((tool) => tool.access !== 'off' && opens(grant.scope, tool));
  const [kept, setKept] = useState<readonly string[]>();
  const chosen = kept ?? held?.map((tool) => tool.name) ?? [];
  const narrow = useAction(async (choice: 'reads' | string[]) => {
    await bridge.request('agents.narrow', { id: grant.id, tools: choice });
    onClose();
  });
  const words = texts.agents;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (chosen.length > 0) narrow.start([...chosen]);
  };
  return (
    <Dialog title={words.narrowTitle(visibleText(agent.name, { max: 80 }), grant.server)} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{words.narrowText}</p>
        {held !== undefined && (
          <ToolPicker legend={words.narrowTools} tools={held} chosen={chosen} onChange={setKept} />
        )}
        <Failure error={error ?? narrow.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button
            type="button"
            className="button"
            disabled={narrow.pending || held?.some((tool) => tool.class === 'read') !== true}
            onClick={() => narrow.start('reads')}
          >
            {words.narrowReads}
          </button>
          <button type="submit" className="button primary" disabled={narrow.pending || chosen.length === 0}>
            {words.narrowDo(chosen.length)}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
