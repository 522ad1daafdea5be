/** The buffers of all typed arrays in a message, which are moved along with it rather than copied. */
export function buffersOf(message: unknown): ArrayBuffer[] {
  if (ArrayBuffer.isView(message)) return [message.buffer as ArrayBuffer];
  return message && typeof message === 'object' ? Object.values(message).flatMap(buffersOf) : [];
}
