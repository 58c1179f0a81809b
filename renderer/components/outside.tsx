import { Marked } from './marked.tsx';

/** Text of agents and servers on one line: made visible, isolated from the direction of what is around it. */
export function Outside({ text, max = 200, mono = false }: { text: string; max?: number; mono?: boolean }) {
  return (
    <bdi className={mono ? 'outside mono' : 'outside'} translate="no">
      <Marked text={text} max={max} />
    </bdi>
  );
}
