"""jupyter_kernel_test with everything it can test, and nothing skipped."""

import jupyter_kernel_test


class TorchbookTests(jupyter_kernel_test.KernelTests):
    kernel_name = "torchbook"

    language_name = "rust"
    file_extension = ".rs"

    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("a warning");'
    code_page_something = "?mnist::load_data"
    code_generate_error = 'panic!("on purpose");'
    code_clear_output = "clear_output(false);"

    completion_samples = [
        {"text": "mnist::load_", "matches": {"load_data"}},
        {"text": "let tensor = Tensor::from_sli"},
        {"text": "let data = mnist::"},
    ]
    complete_code_samples = ["let a = 1;", "fn f() -> i32 {\n    1\n}", "1 + 1", ":vars"]
    incomplete_code_samples = ["fn f() {", "let a = (1,", 'let text = "open', "/* a comment"]
    invalid_code_samples = ["let a = 1);", "fn f() }"]

    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"six times seven"', "result": '"six times seven"'},
        {"code": "vec![1, 2, 3]", "result": "[1, 2, 3]"},
        {"code": "Some(6 * 7)", "result": "Some(42)"},
    ]
    code_display_data = [
        {"code": 'Rich::text("a").with_html("<b>a</b>").display();', "mime": "text/html"},
        {"code": 'Rich::text("a").with_markdown("**a**").display();', "mime": "text/markdown"},
        {
            "code": 'Rich::text("a").with_svg("<svg xmlns=\\"http://www.w3.org/2000/svg\\"/>").display();',
            "mime": "image/svg+xml",
        },
        {
            "code": "let pixels = (Kind::Uint8, Device::Cpu);\n"
            "show_grid(&Tensor::zeros([4, 28, 28], pixels), &Tensor::zeros([4], pixels), 2)?;",
            "mime": "image/png",
        },
    ]

    code_history_pattern = "6 ? 7"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "mnist::load_data"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Replies have to come within 15 seconds; what the first cell waits for may take longer.
        reply = cls.kc.execute_interactive("()", timeout=180)
        assert reply["content"]["status"] == "ok", reply


class WelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "torchbook"
    support_iopub_welcome = True
