import type { ServerView, ToolView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import type { Tools } from './use-tools.ts';

/** One click that leaves a server nothing but what only looks. It takes away alone: what reads stays as it is set. */
export function ReadsOnly({ server, tools }: { server: ServerView; tools: Tools }) {
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const on = (tools.tools ?? []).filter((tool) => tool.class !== 'read' && tool.access !== 'off');
  const narrow = useAction(async (list: readonly ToolView[]) => {
    try {
      for (const { name, pin } of list) {
        const answer = await bridge.request('tools.set', { server: server.slug, tool: name, access: 'off', pin });
        tools.put(answer.tool);
      }
    } catch (thrown) {
      tools.reload();
      throw thrown;
    }
  });
  if (on.length === 0 && !narrow.error) return null;
  return (
    <>
      <button
        type="button"
        className="button"
        aria-label={texts.servers.readsOnlyLabel(visibleText(server.name, { max: 80 }))}
        disabled={narrow.pending || connection.kind !== 'online'}
        onClick={() => narrow.start(on)}
      >
        {texts.servers.readsOnly}
      </button>
      <Failure error={narrow.error} />
    </>
  );
}
