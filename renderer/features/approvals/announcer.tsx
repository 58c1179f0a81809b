import { useEffect, useRef, useState } from 'react';
import type { ApprovalView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { texts } from '../../texts.ts';
import { promptWords } from './prompt-words.ts';

/** The one live region of the window: new prompts, verb and target first. The log is never announced. */
export function Announcer({ approvals }: { approvals: readonly ApprovalView[] }) {
  const known = useRef<ReadonlySet<string>>(new Set());
  const [said, setSaid] = useState('');
  useEffect(() => {
    const fresh = approvals.filter((approval) => !known.current.has(approval.id)).at(-1);
    known.current = new Set(approvals.map((approval) => approval.id));
    if (fresh) {
      setSaid(
        texts.prompt.announce(
          promptWords(fresh),
          visibleText(fresh.agent.name, { max: 60 }),
          fresh.server,
          visibleText(fresh.tool, { max: 60 }),
        ),
      );
    } else if (approvals.length === 0) setSaid('');
  }, [approvals]);
  return (
    <div className="hidden" aria-live="assertive" role="alert" data-testid="announcer">
      {said}
    </div>
  );
}
