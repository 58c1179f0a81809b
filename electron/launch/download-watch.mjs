// Loaded into Electron's installer, before it (`node --import`): tells the launcher over the process channel when the
// download was asked for, how much has come, and why it failed. Changes nothing about the download itself.
const fetchAsBefore = globalThis.fetch;
const tell = (message) => process.send?.(message);

globalThis.fetch = async (input, init) => {
  tell({ type: 'asking' });
  let response;
  try {
    response = await fetchAsBefore(input, init);
  } catch (error) {
    const cause = error?.cause ?? error;
    tell({ type: 'failed', code: cause?.code, message: String(cause?.message ?? cause) });
    throw error;
  }
  if (!response.ok) tell({ type: 'failed', status: response.status });
  if (!response.ok || !response.body) return response;
  const total = Number(response.headers.get('content-length')) || undefined;
  let received = 0;
  tell({ type: 'received', received, total });
  const counted = response.body.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        received += chunk.byteLength;
        tell({ type: 'received', received, total });
        controller.enqueue(chunk);
      },
      flush: () => tell({ type: 'complete' }),
    }),
  );
  return new Response(counted, { status: response.status, headers: response.headers });
};
// The channel must not keep the installer alive once it is done.
process.channel?.unref();
