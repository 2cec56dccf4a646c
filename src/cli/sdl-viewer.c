/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The bare window.  A click takes the pointer and the keyboard where the guest's pointer is relative; Ctrl and Alt together give them
 * back.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/sdl-viewer.h"
#include "display/keymap.h"
#include "display/shm.h"

#include <glib/gi18n.h>
#include <SDL.h>
#include <linux/input-event-codes.h>
#include <unistd.h>

#define FRAME_MS 16

typedef struct
{
  VivMachine *machine;
  SDL_Window *window;
  SDL_Renderer *renderer;
  SDL_Texture *texture;
  ShmViewer *viewer;
  uint32_t width, height; /* of the texture */
  gboolean dirty, closed, grabbed, quit;
} Viewer;

/* -- Screen ------------------------------------------------------------------------------------------- */

static void
upload (Viewer *v, int x, int y, int width, int height)
{
  const Framebuffer *fb = shm_viewer_framebuffer (v->viewer);
  SDL_Rect rect = { x, y, width, height };

  if (fb == NULL || v->texture == NULL || fb->width != v->width || fb->height != v->height || width <= 0
      || height <= 0)
    return;
  SDL_UpdateTexture (v->texture, &rect, fb->pixels + (size_t)y * fb->stride + (size_t)x * 4, fb->stride);
  v->dirty = TRUE;
}

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  Viewer *v = opaque;

  v->dirty = TRUE;
  if (fb == NULL)
    {
      g_clear_pointer (&v->texture, SDL_DestroyTexture);
      v->width = v->height = 0;
      return;
    }
  if (v->texture == NULL || fb->width != v->width || fb->height != v->height)
    {
      g_clear_pointer (&v->texture, SDL_DestroyTexture);
      v->width = fb->width;
      v->height = fb->height;
      v->texture = SDL_CreateTexture (v->renderer, SDL_PIXELFORMAT_XRGB8888, SDL_TEXTUREACCESS_STREAMING,
                                      fb->width, fb->height);
      SDL_SetWindowSize (v->window, fb->width, fb->height);
      SDL_RenderSetLogicalSize (v->renderer, fb->width, fb->height);
    }
  if (v->viewer != NULL)
    upload (v, 0, 0, fb->width, fb->height);
}

static void
on_damage (void *opaque, const Damage *damage)
{
  for (unsigned i = 0; i < damage->n; i++)
    upload (opaque, damage->rect[i].x, damage->rect[i].y, damage->rect[i].width, damage->rect[i].height);
}

static void
on_cursor (void *opaque, const DisplayCursor *cursor)
{
}

static void
on_closed (void *opaque, const GError *error)
{
  ((Viewer *)opaque)->closed = TRUE;
}

/* -- Input -------------------------------------------------------------------------------------------- */

static void
show_title (Viewer *v)
{
  g_autofree char *title = g_strdup_printf (v->grabbed ? _ ("%s - press Ctrl+Alt to free the pointer") : "%s",
                                            viv_machine_get_name (v->machine));
  SDL_SetWindowTitle (v->window, title);
}

static void
grab (Viewer *v, gboolean on)
{
  if (v->grabbed == on)
    return;
  v->grabbed = on;
  SDL_SetRelativeMouseMode (on ? SDL_TRUE : SDL_FALSE);
  SDL_SetWindowKeyboardGrab (v->window, on ? SDL_TRUE : SDL_FALSE);
  if (!on)
    viv_machine_release_keys (v->machine);
  show_title (v);
}

static void
send_event (Viewer *v, InputEventType type, uint16_t code, int value, int x, int y)
{
  InputEvent event = { .type = type, .code = code, .value = value, .x = x, .y = y };

  viv_machine_send_input (v->machine, &event, 1);
}

static void
on_key (Viewer *v, const SDL_KeyboardEvent *key)
{
  const int both = KMOD_CTRL | KMOD_ALT;
  /* SDL's scan codes are USB HID usages. */
  uint16_t code = key->keysym.scancode < 256 ? keymap_usb_to_evdev (key->keysym.scancode) : 0;

  if (code != 0)
    send_event (v, INPUT_EVENT_KEY, code, key->state == SDL_PRESSED, 0, 0);
  if (v->grabbed && key->state == SDL_PRESSED && (key->keysym.mod & both & KMOD_CTRL) != 0
      && (key->keysym.mod & both & KMOD_ALT) != 0
      && (key->keysym.sym == SDLK_LCTRL || key->keysym.sym == SDLK_LALT || key->keysym.sym == SDLK_RCTRL
          || key->keysym.sym == SDLK_RALT))
    grab (v, FALSE);
}

static void
on_motion (Viewer *v, const SDL_MouseMotionEvent *motion)
{
  if (v->grabbed)
    send_event (v, INPUT_EVENT_RELATIVE, 0, 0, motion->xrel, motion->yrel);
  else if (viv_machine_get_absolute_pointer (v->machine) && v->width > 1 && v->height > 1)
    send_event (v, INPUT_EVENT_ABSOLUTE, 0, 0,
                CLAMP (motion->x, 0, (int)v->width - 1) * INPUT_ABSOLUTE_MAX / (int)(v->width - 1),
                CLAMP (motion->y, 0, (int)v->height - 1) * INPUT_ABSOLUTE_MAX / (int)(v->height - 1));
}

static void
on_button (Viewer *v, const SDL_MouseButtonEvent *button)
{
  static const uint16_t codes[] = { [SDL_BUTTON_LEFT] = BTN_LEFT,
                                    [SDL_BUTTON_MIDDLE] = BTN_MIDDLE,
                                    [SDL_BUTTON_RIGHT] = BTN_RIGHT,
                                    [SDL_BUTTON_X1] = BTN_SIDE,
                                    [SDL_BUTTON_X2] = BTN_EXTRA };

  if (!v->grabbed && !viv_machine_get_absolute_pointer (v->machine))
    {
      if (button->state == SDL_PRESSED)
        grab (v, TRUE);
      return;
    }
  if (button->button < G_N_ELEMENTS (codes) && codes[button->button] != 0)
    send_event (v, INPUT_EVENT_BUTTON, codes[button->button], button->state == SDL_PRESSED, 0, 0);
}

static void
on_event (Viewer *v, const SDL_Event *event)
{
  switch (event->type)
    {
    case SDL_QUIT:
      v->quit = TRUE;
      break;
    case SDL_KEYDOWN:
      if (event->key.repeat != 0)
        break; /* the guest's keyboard repeats by itself */
      G_GNUC_FALLTHROUGH;
    case SDL_KEYUP:
      on_key (v, &event->key);
      break;
    case SDL_MOUSEMOTION:
      on_motion (v, &event->motion);
      break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
      on_button (v, &event->button);
      break;
    case SDL_MOUSEWHEEL:
      send_event (v, INPUT_EVENT_WHEEL, 0, 0, event->wheel.x, -event->wheel.y);
      break;
    case SDL_WINDOWEVENT:
      v->dirty = TRUE;
      if (event->window.event == SDL_WINDOWEVENT_FOCUS_LOST)
        {
          grab (v, FALSE);
          viv_machine_release_keys (v->machine);
        }
      break;
    default:
      break;
    }
}

static gboolean
on_frame (gpointer data)
{
  Viewer *v = data;
  SDL_Event event;

  while (SDL_PollEvent (&event))
    on_event (v, &event);
  if (v->dirty)
    {
      SDL_SetRenderDrawColor (v->renderer, 0, 0, 0, 255);
      SDL_RenderClear (v->renderer);
      if (v->texture != NULL)
        SDL_RenderCopy (v->renderer, v->texture, NULL, NULL);
      SDL_RenderPresent (v->renderer);
      v->dirty = FALSE;
    }
  return G_SOURCE_CONTINUE;
}

gboolean
sdl_viewer_run (VivMachine *machine, int socket, GError **error)
{
  static const ShmViewerFuncs funcs
      = { .scanout = on_scanout, .damage = on_damage, .cursor = on_cursor, .closed = on_closed };
  Viewer v = { .machine = machine };

  if (SDL_Init (SDL_INIT_VIDEO) == 0)
    v.window = SDL_CreateWindow (viv_machine_get_name (machine), SDL_WINDOWPOS_UNDEFINED,
                                 SDL_WINDOWPOS_UNDEFINED, 720, 400, SDL_WINDOW_RESIZABLE);
  if (v.window != NULL)
    v.renderer = SDL_CreateRenderer (v.window, -1, 0);
  if (v.renderer == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("no window: %s"), SDL_GetError ());
      close (socket);
      SDL_Quit ();
      return FALSE;
    }
  v.viewer = shm_viewer_new (socket, &funcs, &v, error);
  gboolean good = v.viewer != NULL;
  if (good)
    {
      const Framebuffer *fb = shm_viewer_framebuffer (v.viewer);
      if (fb != NULL)
        on_scanout (&v, fb);
      guint frame = g_timeout_add (FRAME_MS, on_frame, &v);
      while (!v.quit && !v.closed)
        g_main_context_iteration (NULL, TRUE);
      g_source_remove (frame);
      shm_viewer_free (v.viewer);
    }
  g_clear_pointer (&v.texture, SDL_DestroyTexture);
  SDL_DestroyRenderer (v.renderer);
  SDL_DestroyWindow (v.window);
  SDL_Quit ();
  return good;
}
