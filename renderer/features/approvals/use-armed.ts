import { useEffect, useState } from 'react';

/** How long what a prompt says must have stood still, in sight, before it can be answered, in milliseconds. */
export const armAfter = 400;

/**
 * False from the moment that `content` changes, or the window comes to sight, until it has stood for {@link armAfter}: a
 * click meant for what was there before answers nothing.
 */
export function useArmed(content: string): boolean {
  const [armedFor, setArmedFor] = useState<string>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const arm = () => {
      clearTimeout(timer);
      setArmedFor(undefined);
      if (document.visibilityState === 'visible') timer = setTimeout(() => setArmedFor(content), armAfter);
    };
    arm();
    document.addEventListener('visibilitychange', arm);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', arm);
    };
  }, [content]);
  return armedFor === content;
}
