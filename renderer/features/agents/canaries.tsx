import { useCallback, useEffect, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { asSallyportError, type SallyportError } from '../../../electron/shared/errors.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Disclosure } from '../../components/disclosure.tsx';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatAgo } from '../../format.ts';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { PlantDialog } from './plant-dialog.tsx';

type Canary = RequestOutput<'canaries.list'>['canaries'][number];

/** Values that were planted where no agent has business: what is watched for, and more of it. */
export function Canaries() {
  const { bridge } = useServices();
  const [canaries, setCanaries] = useState<readonly Canary[]>();
  const [error, setError] = useState<SallyportError>();
  const [planting, setPlanting] = useState(false);
  const load = useCallback(() => {
    bridge.request('canaries.list', {}).then(
      (answer) => setCanaries(answer.canaries),
      (thrown: unknown) => setError(asSallyportError(thrown)),
    );
  }, [bridge]);
  useEffect(load, [load]);
  const words = texts.canaries;
  if (!canaries && !error) return null;
  return (
    <Disclosure title={words.title} state={words.state(canaries?.length ?? 0)}>
      <p className="faint">{words.hint}</p>
      <Failure error={error} />
      <ul className="rows">
        {canaries?.map((canary) => (
          <CanaryRow key={canary.id} canary={canary} onRemoved={load} />
        ))}
      </ul>
      <p>
        <button type="button" className="button" onClick={() => setPlanting(true)}>
          {words.plant}
        </button>
      </p>
      {planting && <PlantDialog onPlanted={load} onClose={() => setPlanting(false)} />}
    </Disclosure>
  );
}

function CanaryRow({ canary, onRemoved }: { canary: Canary; onRemoved(): void }) {
  const { bridge } = useServices();
  const now = useNow();
  const remove = useAction(async () => {
    await bridge.request('canaries.remove', { id: canary.id });
    onRemoved();
  });
  return (
    <li className="row">
      <div className="row-main">
        <p>
          <Outside text={canary.note} max={200} />
        </p>
        <p className="faint">
          <Outside text={`${canary.begins}…`} max={20} mono /> · {texts.canaries.row(formatAgo(canary.at, now))}
        </p>
        <Failure error={remove.error} />
      </div>
      <button
        type="button"
        className="button"
        aria-label={texts.canaries.removeLabel(visibleText(canary.note, { max: 80 }))}
        disabled={remove.pending}
        onClick={() => remove.start()}
      >
        {texts.canaries.remove}
      </button>
    </li>
  );
}
