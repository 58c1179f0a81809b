import { useEffect, useState } from 'react';
import { Empty } from '../../components/empty.tsx';
import { useAppState } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { Announcer } from './announcer.tsx';
import { Prompt } from './prompt.tsx';

/**
 * One prompt as a whole window (`#/prompt/<id>`): the shell opens it small, above others, without the keyboard. When its
 * prompt is answered or changed, the next one that waits takes its place, unarmed; with none left the window closes.
 */
export function PromptWindow({ id }: { id: string }) {
  const { approvals } = useAppState();
  const [shownId, setShownId] = useState(id);
  const approval = approvals.find((each) => each.id === shownId) ?? approvals[0];
  if (approval && approval.id !== shownId) setShownId(approval.id);
  useEffect(() => {
    document.title = texts.app;
  }, []);
  const none = approval === undefined;
  useEffect(() => {
    // A page that a person opened cannot close itself; there the words below stay.
    if (none) window.close();
  }, [none]);
  return (
    <main className="prompt-window">
      {approval ? (
        <Prompt
          approval={approval}
          waiting={approvals.length - 1}
          keys="window"
          onLater={() => window.close()}
          onAnswered={() => undefined}
        />
      ) : (
        <Empty title={texts.prompt.gone} text={texts.prompt.goneHint} />
      )}
      <Announcer approvals={approvals} />
    </main>
  );
}
