// What every file here needs: errors as text.
#pragma once

#include <c10/util/Exception.h>

#include <cstring>

// No exception may leave an extern "C" function, whatever its type. Null, or the error's text, which
// the caller gives back to torchbook_native_free.
template <typename Body> char *guarded(Body body) {
  try {
    body();
    return nullptr;
  } catch (const c10::Error &error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an exception of unknown type");
  }
}
