// The bounds and marks of the data that a command inside an instance exchanges with its client.

/** A byte in front of the server's data. */
export const STDOUT_MARK = 1;
export const STDERR_MARK = 2;

/**
 * Sent but not yet taken, in each direction: what a connection of 20 ms carries at 100 Mbit/s. A slow reader holds the
 * command back, and nothing piles up on the way.
 */
export const WINDOW_BYTES = 256 * 1024;
/** Of one message; larger pieces are divided. */
export const PIECE_BYTES_MAX = 32 * 1024;
/** One message of text: a command line is far smaller. */
export const MESSAGE_BYTES_MAX = 256 * 1024;
